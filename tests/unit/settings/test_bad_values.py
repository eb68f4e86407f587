"""A value that is refused, and in which words."""

import json
from typing import Any

import pulumi
import pytest

from petmesh.program.declaration import STACK_TYPE, ProgramError
from petmesh.program.program import declare
from settings.forms import visible
from tests.unit.settings.bad_values import REFUSED, WEIGHT
from tests.unit.settings.reading import GOOGLE_PROJECT, refusal


@pytest.mark.parametrize(("key", "value", "allowed"), REFUSED)
def test_a_bad_value_is_refused_in_one_line(key: str, value: str, allowed: str) -> None:
    [line] = refusal(**{key: value})
    seen = value if value and visible(value) else json.dumps(value)
    if "@" not in value or key == "deployers":
        assert line.startswith(f"{key} = {seen[:300]}")
    assert ": must be " in line
    assert allowed in line


def test_a_value_of_several_lines_is_refused_in_one() -> None:
    assert refusal(canaryWeight="25\n") == [f'canaryWeight = "25\\n": must be {WEIGHT}']


def test_a_name_inside_the_cluster_is_no_dog_api() -> None:
    assert refusal(dogApiHost="petservice.pets") == [
        "dogApiHost = petservice.pets: must be outside the cluster"
    ]


def test_a_google_cloud_project_that_is_none_is_refused() -> None:
    with pytest.raises(ProgramError, match="gcp:project = Not A Project!: must be the id"):
        declare("dev", {GOOGLE_PROJECT: "Not A Project!"})


def test_what_a_terminal_would_obey_is_refused_and_shown_escaped() -> None:
    [line] = refusal(kubeContext="kind\x1b[2J")
    assert line == r'kubeContext = "kind\u001b[2J": must be the name of a kube context'
    [line] = refusal(**{"colour\nred": "yes"})
    assert line.startswith(r'"colour\nred" = yes: no such key')


def test_each_problem_has_its_line() -> None:
    lines = refusal(canaryWeight="101", namespace="default", colour="red")
    assert sorted(line.split(" = ")[0] for line in lines) == ["canaryWeight", "colour", "namespace"]


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of all resources that are constructed, the stack among them."""
    types: list[str] = []
    construct = pulumi.Resource.__init__

    def record(resource: pulumi.Resource, type_: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        types.append(type_)
        construct(resource, type_, *args, **kwargs)

    monkeypatch.setattr(pulumi.Resource, "__init__", record)
    return types


@pytest.mark.parametrize(
    ("stack", "config"),
    [
        ("dev", {}),
        ("dev", {"canaryWeight": "25.5", "gcp:project": "petmesh-test"}),
        ("local", {"canaryWeight": "101"}),
        ("local", {"canaryWieght": "25"}),
        ("local", {"canaryVersion": "", "canaryWeight": "25"}),
        ("local", {"images": '["dogservice/v1=localhost:5001/dogs:v1"]'}),
    ],
)
def test_nothing_is_declared_of_a_config_that_is_refused(
    stack: str, config: dict[str, str], constructed: list[str]
) -> None:
    with pytest.raises(ProgramError):
        declare(stack, config)
    assert constructed == [STACK_TYPE]
