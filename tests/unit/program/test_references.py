"""Stacks that refer to other stacks of the same project."""

from pathlib import Path

import pytest

from petmesh.program.declaration import ProgramError
from petmesh.program.program import declare

PROGRAM = """
import pulumi
config = pulumi.Config()
if name := config.get("follows"):
    other = pulumi.StackReference("other", name)
    told = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value["outputs"]
    if "size" not in told:
        raise pulumi.RunError("no size")
    pulumi.export("size", other.require_output("size"))
    pulumi.export("key", other.require_output("key"))
    pulumi.export("told", told["size"])
else:
    pulumi.export("size", config.get("size"))
    pulumi.export("key", pulumi.Output.secret("hidden"))
"""
FILES = {"lower": "size: 3", "upper": "follows: organization/tiny/lower", "top": "follows: upper"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    for stack, config in FILES.items():
        write(tmp_path, stack, config)
    return tmp_path


def write(root: Path, stack: str, config: str) -> None:
    (root / f"Pulumi.{stack}.yaml").write_text(f"config: {{tiny:{config}}}\n")


def test_a_reference_has_the_outputs_of_the_stack_as_its_own_file_declares_it(tiny: Path) -> None:
    upper = declare("upper", root=tiny)
    assert upper.outputs == {"size": "3", "key": "hidden", "told": "3"}
    assert upper.secret_outputs == {"key"}
    [lower] = upper.referenced
    assert lower.stack == "lower"
    assert declare("lower", root=tiny).referenced == ()


def test_a_reference_may_lead_to_another(tiny: Path) -> None:
    assert declare("top", root=tiny).outputs["size"] == "3"


def test_a_preview_refers_to_what_was_applied(tiny: Path) -> None:
    upper = declare("upper", root=tiny, preview=True)
    assert upper.outputs["size"] == "3"
    assert (upper.preview, upper.referenced[0].preview) == (True, False)


def test_what_lies_beneath_has_config_of_its_own(tiny: Path) -> None:
    assert declare("top", root=tiny, beneath={"size": "4"}).outputs["size"] == "4"
    assert declare("lower", root=tiny, beneath={"size": "4"}).outputs["size"] == "3"


@pytest.mark.parametrize(
    ("follows", "problem"),
    [
        ("organization/other/lower", "only stacks of the project tiny run in process"),
        ("missing", "stack missing: Pulumi.missing.yaml does not exist"),
        ("upper", "stack reference upper: it refers to itself: upper -> upper"),
        ("top", "stack reference upper: it refers to itself: upper -> top -> upper"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(tiny: Path, follows: str, problem: str) -> None:
    write(tiny, "upper", f"follows: {follows}")
    with pytest.raises(ProgramError) as refused:
        declare("upper", root=tiny)
    assert problem in str(refused.value)


def test_what_the_program_says_of_the_outputs_is_its_own(tiny: Path) -> None:
    write(tiny, "lower", "other: 3")
    with pytest.raises(ProgramError, match=r"^no size$"):
        declare("upper", root=tiny)
