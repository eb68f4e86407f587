"""dev, staging and prod: stacks of one program in one backend, each in a project of its own."""

from contextlib import ExitStack
from pathlib import Path

from pulumi.automation import ConfigValue, PulumiCommand

from tests.engine.checkout import Checkout, clouds, copy_checkout

STACKS = ("dev", "staging", "prod")


def test_three_stacks_of_one_program_know_nothing_of_each_other(
    tmp_path: Path, command: PulumiCommand
) -> None:
    with ExitStack() as serving:
        there = {name: serving.enter_context(clouds()) for name in STACKS}
        copy_checkout(tmp_path, there["dev"])
        stacks = {name: Checkout(tmp_path, there[name], command, name) for name in STACKS}
        for name, stack in stacks.items():
            stack.stack.set_config("gcp:project", ConfigValue(f"petmesh-{name}"))
            assert {each.op for each in stack.preview()} == {"create"}, name
            assert {each.op for each in stack.up()} == {"create"}, name
        for name, stack in stacks.items():
            assert stack.preview() == [], name
            own = there[name].urns()
            assert {urn.split(":")[2] for urn in own} == {name}

        stacks["dev"].configure(canaryWeight="25")
        [step] = stacks["dev"].up()
        assert (step.op, step.name) == ("update", "petdetailsservice-route")
        # Staging isn't protected: it goes in one step, and takes nothing of the others along.
        kept = {name: there[name].urns() for name in ("dev", "prod")}
        destroyed = stacks["staging"].make("destroy", "--yes", "--skip-preview")
        assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
        assert there["staging"].kubernetes.made == {}
        assert {name: there[name].urns() for name in kept} == kept
        assert stacks["prod"].preview() == []
