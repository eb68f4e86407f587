"""Another hand's ways to the same harm are refused; what only looks alike is not."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import BUDGET, alone, container, resource, said, workload

DATA: Final[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("sisters.yaml").read_text(encoding="utf-8")
)
BASE: Final = f"FROM busybox@sha256:{'1' * 64}\n"
CHART: Final[dict[str, Any]] = {
    "chart": "app",
    "version": "1.2.3",
    "namespace": "pets",
    "repositoryOpts": {"repo": "https://charts.example.com"},
}


def _pods_and_builds(data: Mapping[str, Any]) -> Iterator[tuple[str, list[Resource]]]:
    for name, value in data["variables"].items():
        env = [{"name": name, "value": value}]
        yield f"variable {name}", [workload(containers=container(env=env)), BUDGET]
    for command in data["commands"]:
        yield " ".join(command), [workload(containers=container(command=command)), BUDGET]
    for name, text in data["configs"].items():
        yield f"config {name}", [resource("kubernetes:core/v1:ConfigMap", data={name: text})]
    for text in data["builds"]:
        inline = {"inline": f"{BASE}{text}\n"}
        yield text, [resource("docker-build:index:Image", dockerfile=inline)]


def _resources() -> Iterator[tuple[str, list[Resource]]]:
    for type_, properties in DATA["resources"]:
        yield f"{type_} {properties}", [resource(type_, "made", **properties)]
    for chart in DATA["charts"]:
        given = {**CHART, **chart}
        yield f"chart {chart}", [resource("kubernetes:helm.sh/v3:Release", "made", **given)]


REFUSED: Final = {**dict(_pods_and_builds(DATA)), **dict(_resources())}
HARMLESS: Final = dict(_pods_and_builds(DATA["harmless"]))


@pytest.mark.parametrize("name", REFUSED)
def test_a_sister_is_refused(name: str) -> None:
    assert said(alone(*REFUSED[name]))


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_alike_is_not(name: str) -> None:
    assert said(alone(*HARMLESS[name])) == {}


def test_the_chart_that_its_variants_are_of_is_good() -> None:
    chart = resource("kubernetes:helm.sh/v3:Release", "made", **CHART)
    assert said(alone(chart)) == {}
