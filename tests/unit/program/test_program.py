"""The in-process run: what it takes, records and refuses."""

import sys
import threading
from pathlib import Path

import pytest

from petmesh.program.declaration import UNKNOWN, ProgramError
from petmesh.program.program import declare

PROJECT = """
name: tiny
runtime: python
config:
  weight: {type: integer, default: 0}
  ratio: {type: number, default: 0.5}
  names: {type: array, items: {type: string}, default: [b, a]}
  switch: {type: boolean, default: true}
  gcp:project: {value: from-project}
"""
STACK = """
config:
  tiny:weight: 10
  tiny:names: [c]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.one.yaml").write_text(STACK)
    return tmp_path


def program(root: Path, text: str) -> Path:
    (root / "__main__.py").write_text("import pulumi\nimport pulumi_kubernetes as k\n" + text)
    return root


EXPORT = """
config = pulumi.Config()
for key in ("weight", "ratio", "names", "switch"):
    pulumi.export(key, config.get(key))
pulumi.export("project", pulumi.Config("gcp").get("project"))
"""


def test_config_is_defaults_then_the_stacks_then_overrides_all_as_strings(tiny: Path) -> None:
    outputs = declare("one", {"switch": "false"}, root=program(tiny, EXPORT)).outputs
    assert outputs == {
        "weight": "10",
        "ratio": "0.5",
        "names": '["c"]',
        "switch": "false",
        "project": "from-project",
    }


def test_a_key_of_another_namespace_is_given_with_it(tiny: Path) -> None:
    run = declare("one", {"gcp:project": "given"}, root=program(tiny, EXPORT))
    assert run.outputs["project"] == "given"


def test_one_run_leaves_nothing_behind_for_the_next(tiny: Path) -> None:
    first = declare("one", {"weight": "99"}, root=program(tiny, EXPORT + "pulumi.export('x', 1)"))
    second = declare("one", root=program(tiny, EXPORT))
    assert first.outputs["weight"] == "99"
    assert second.outputs["weight"] == "10"
    assert "x" not in second.outputs


def test_runs_may_overlap(tiny: Path) -> None:
    program(tiny, EXPORT)
    seen: dict[str, str] = {}

    def run(weight: str) -> None:
        seen[weight] = declare("one", {"weight": weight}, root=tiny).outputs["weight"]

    threads = [threading.Thread(target=run, args=(str(w),)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {str(w): str(w) for w in range(4)}


def test_a_value_is_what_the_cli_hands_over(tiny: Path) -> None:
    (tiny / "Pulumi.one.yaml").write_text("config: {weight: 0x19, tiny:switch: yes}")
    outputs = declare("one", root=program(tiny, EXPORT)).outputs
    assert (outputs["weight"], outputs["switch"]) == ("25", "yes")


RESOURCES = """
class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("tiny:x:Part", name)
        self.space = k.core.v1.Namespace(
            name, metadata={"name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.register_outputs({"name": self.space.metadata.name})

part = Part("part")
secret = k.core.v1.Secret(
    "secret", metadata={"namespace": part.space.metadata.name},
    string_data={"key": pulumi.Output.secret("hidden")},
    opts=pulumi.ResourceOptions(depends_on=[part], delete_before_replace=True,
                                ignore_changes=["data"]),
)
pulumi.export("count", 3)
pulumi.export("secret", secret.string_data)
pulumi.export("id", part.space.id)
"""


def test_what_is_recorded_of_a_resource(tiny: Path) -> None:
    run = declare("one", root=program(tiny, RESOURCES))
    part = run.one("tiny:x:Part", "part")
    space = run.one("kubernetes:core/v1:Namespace", "part")
    secret = run.one("kubernetes:core/v1:Secret", "secret")
    assert not part.custom
    assert part.outputs == {"name": "part"}
    assert space.urn == "urn:pulumi:one::tiny::tiny:x:Part$kubernetes:core/v1:Namespace::part"
    assert (space.parent, space.protect, space.retain_on_delete) == (part.urn, True, True)
    assert secret.dependencies == (space.urn,)
    assert secret.property_dependencies["metadata"] == (space.urn,)
    assert secret.delete_before_replace is True
    assert secret.ignore_changes == ("data",)
    assert secret.inputs["metadata"]["namespace"] == "part"
    assert secret.inputs["stringData"] == {"key": "hidden"}
    assert secret.secret_inputs == {"stringData"}
    assert run.outputs["count"] == 3
    assert run.secret_outputs == {"secret"}


def test_a_preview_leaves_what_the_cloud_computes_unknown(tiny: Path) -> None:
    program(tiny, RESOURCES)
    assert declare("one", root=tiny).outputs["id"] == "part"
    assert declare("one", preview=True, root=tiny).outputs["id"] is UNKNOWN


def test_two_resources_of_one_name_are_refused_as_the_engine_refuses_them(tiny: Path) -> None:
    twice = "for _ in range(2): k.core.v1.Namespace('same')"
    with pytest.raises(ProgramError, match=r"duplicate resource URN .*Namespace::same"):
        declare("one", root=program(tiny, twice))


def test_a_run_error_is_for_people(tiny: Path) -> None:
    with pytest.raises(ProgramError) as refused:
        declare("one", root=program(tiny, "raise pulumi.RunError('weight = x: no')"))
    assert str(refused.value) == "weight = x: no"


def test_a_program_that_ends_by_itself_has_said_why_or_its_exit_status_is_told(tiny: Path) -> None:
    said = "pulumi.log.error('weight = x: no')\nraise SystemExit(32)"
    with pytest.raises(ProgramError, match=r"^weight = x: no$"):
        declare("one", root=program(tiny, said))
    with pytest.raises(ProgramError, match=r"^the program ended with exit status 3$"):
        declare("one", root=program(tiny, "raise SystemExit(3)"))
    assert declare("one", root=program(tiny, "raise SystemExit(0)")).outputs == {}


def test_a_logged_error_fails_the_run_as_in_the_cli(tiny: Path) -> None:
    with pytest.raises(ProgramError, match="it is broken"):
        declare("one", root=program(tiny, "pulumi.log.error('it is broken')"))


def test_a_warning_is_kept(tiny: Path) -> None:
    assert declare("one", root=program(tiny, "pulumi.log.warn('careful')")).warnings == ("careful",)


@pytest.mark.parametrize(
    "text",
    ["{}['missing']", "pulumi.Output.from_input(1).apply(lambda _: {}['missing'])"],
)
def test_any_other_exception_is_itself(tiny: Path, text: str) -> None:
    with pytest.raises(KeyError, match="missing"):
        declare("one", root=program(tiny, text))


def test_an_unknown_invoke_is_named(tiny: Path) -> None:
    text = "pulumi.runtime.invoke('gcp:x/y:getY', {})"
    with pytest.raises(LookupError, match="gcp:x/y:getY: the in-process run has no result"):
        declare("one", root=program(tiny, text))


@pytest.mark.parametrize(
    ("stack", "text", "refusal"),
    [
        ("two", "", "stack two: Pulumi.two.yaml does not exist \\(stacks: one\\)"),
        ("one", "config: {a:b:c: 1}", "config key a:b:c: must be <namespace>:<name>"),
        ("one", "config: {tiny:weight: 1, weight: 2}", "tiny:weight is given twice"),
        ("one", "config: {tiny:weight: {secure: v1}}", "tiny:weight is encrypted"),
        ("one", "config: [", "Pulumi.one.yaml: not YAML"),
    ],
)
def test_a_configuration_that_the_cli_would_not_take(
    tiny: Path, stack: str, text: str, refusal: str
) -> None:
    if text:
        (tiny / "Pulumi.one.yaml").write_text(text)
    with pytest.raises(ProgramError, match=refusal) as refused:
        declare(stack, root=program(tiny, ""))
    assert "\n" not in str(refused.value)


def test_the_callers_main_module_and_folder_stay_as_they_are(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sys.modules["__main__"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    declare("one", root=program(tiny, RESOURCES))
    assert sys.modules["__main__"] is before
    assert not list(elsewhere.iterdir())
    assert {path.name for path in tiny.iterdir()} == {
        "Pulumi.yaml",
        "Pulumi.one.yaml",
        "__main__.py",
    }
