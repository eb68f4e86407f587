"""Ramps of several services of one stack: whose a command is about, and whose turn it is."""

import asyncio
import threading
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.ramp import control, locations
from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.options import Options
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.commanded import PLAN, left_at_10
from tests.unit.ramp.fakes import FakeTarget, details
from tests.unit.ramp.test_cluster import Stack, target_of

DETAILS, PETS = Options(service="petdetailsservice"), Options(service="petservice")


def phase(options: Options) -> Phase:
    record = latest(locations.journal_folder(options))
    assert record is not None
    assert record.header.services == (options.service,)
    return record.state.phase


def ramped(*arguments: str) -> None:
    assert main(["ramp", *PLAN, *arguments]) == 0


def test_each_service_has_its_own_journals(target: FakeTarget) -> None:
    ramped("--service", "petservice")
    assert latest(locations.journal_folder(DETAILS)) is None
    target.live = Release("v1", "v2")
    ramped()
    assert (phase(PETS), phase(DETAILS)) == (Phase.PROMOTED, Phase.PROMOTED)
    assert locations.recorded(Options()) == ["petdetailsservice", "petservice"]


@pytest.mark.usefixtures("target")
def test_a_ramp_runs_beside_another_services_and_not_beside_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with locations.held_stack(locations.journal_folder(DETAILS), DETAILS):
        assert main(["ramp", *PLAN]) == 1
        assert "stack local: process " in capsys.readouterr().err
        ramped("--service", "petservice")
    assert phase(PETS) is Phase.PROMOTED


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("command", ["status", "approve", "pause", "resume", "rollback", "promote"])
def test_a_command_asks_for_the_service_where_several_are_ramped(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        locations.held_stack(locations.journal_folder(DETAILS), DETAILS),
        locations.held_stack(locations.journal_folder(PETS), PETS),
    ):
        assert main([command]) == 2
    assert capsys.readouterr().err == (
        "petmesh: --service: must be given, one of petdetailsservice, petservice\n"
    )


def test_a_command_is_about_the_ramp_that_runs(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    with locations.held_stack(locations.journal_folder(PETS), PETS):
        assert main(["status"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == "service: petservice"
    assert main(["status"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "service: petdetailsservice"
    assert target.changes == []


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_a_command_asks_whose_ramp_where_anothers_was_left(
    command: str, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    group = Options(group="petdetailsservice,petservice")
    left_at_10(locations.journal_folder(group), target)
    assert main([command]) == 2
    assert capsys.readouterr().err == (
        "petmesh: --service or --group: must be given, one of "
        "--service petdetailsservice, --group petdetailsservice,petservice\n"
    )
    assert target.live.weight == 10


def test_a_rollback_without_a_name_ends_the_own_services_ramp_that_was_left(
    target: FakeTarget,
) -> None:
    left_at_10(locations.journal_folder(DETAILS), target)
    assert main(["rollback"]) == 0
    assert phase(DETAILS) is Phase.ROLLED_BACK


def test_a_report_asks_for_the_service_where_several_have_journals(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    for service in ("petdetailsservice", "petservice"):
        target.live = Release("v1", "v2")
        ramped("--service", service)
    capsys.readouterr()
    assert main(["ramp-report"]) == 2
    assert "--service: must be given" in capsys.readouterr().err
    assert main(["ramp-report", "--service", "petservice"]) == 0
    assert "/local/petservice/" in capsys.readouterr().out


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("command", ["ramp", "status", "approve", "rollback", "ramp-report"])
@pytest.mark.parametrize("name", ["../x", ".turns", "a/b", "-"])
def test_what_cannot_be_a_service_is_refused(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, f"--service={name}"]) == 2
    assert capsys.readouterr().err == (
        f"petmesh: --service = {name}: must be a service's name, such as petservice\n"
    )


def test_another_program_has_its_own_journals_and_locks(target: FakeTarget, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    shop = Options(service="petservice", program=folder)
    with locations.held_stack(locations.journal_folder(PETS), PETS):
        ramped("--service", "petservice", "--program", str(folder))
    assert phase(shop) is Phase.PROMOTED
    assert locations.journal_folder(shop) == folder / ".state/canary/local/petservice"
    assert latest(locations.journal_folder(PETS)) is None
    assert target.live == Release("v2", "")


@pytest.mark.parametrize("content", [None, "runtime: python", "[]", "{", "\0"])
@pytest.mark.parametrize("command", ["ramp", "status", "approve", "rollback", "ramp-report"])
def test_what_is_no_program_is_refused(
    content: str | None, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "Pulumi.yaml").write_text(content)
    assert main([command, "--program", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"petmesh: --program = {tmp_path}: must be a folder with a Pulumi.yaml that has a name\n"
    )


class Slow(Stack):
    """A stack whose update takes until a test lets it end."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = threading.Event(), threading.Event()

    def up(self, *, target: object = None, **more: object) -> None:
        self.began.set()
        assert self.may_end.wait(20)
        super().up(target=target, **more)


def in_turn(stack: Stack, service: str, turns: Path, told: list[str]) -> ClusterTarget:
    target = target_of(stack, service=service)
    target.turns, target.tell = turns, told.append
    return target


async def test_two_services_change_the_stack_in_turn_and_the_one_that_waits_says_so(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    turns = tmp_path / "locks" / ".turns"
    slow, other = Slow(), Stack()
    first = asyncio.create_task(
        in_turn(slow, "petdetailsservice", turns, told).apply(details("v1", "v2", 10))
    )
    assert await asyncio.to_thread(slow.began.wait, 10)
    waiting = in_turn(other, "petservice", turns, told)
    second = asyncio.create_task(waiting.apply({"petservice": Release("v1", "v2", 20)}))
    async with asyncio.timeout(10):
        while not told:  # noqa: ASYNC110 (it is told by a thread)
            await asyncio.sleep(0.01)
    # What is asked of the stack waits for no turn, and nothing was written into its config.
    assert (await waiting.releases())["petservice"].weight == 5
    assert (other.calls, second.done()) == ([], False)
    slow.may_end.set()
    await asyncio.wait_for(asyncio.gather(first, second), 20)
    assert told == ["stack local: waits for another update, 600 s at most"]
    assert (slow.calls, other.calls) == (
        ["config v1 10"],
        ["config releases.petservice.v1 20"],
    )


async def test_a_turn_is_not_waited_for_without_end(tmp_path: Path) -> None:
    turns = tmp_path / ".turns"
    with control.turn(turns, lambda: False):
        target = in_turn(Stack(), "", turns, [])
        target.lock_seconds = 0
        with pytest.raises(TargetError, match="stack local: another update is under way"):
            await target.apply(details("v1", "v2", 10))


async def test_where_no_turn_can_be_taken_going_back_waits_for_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stack = Stack()
    target = in_turn(stack, "", tmp_path / "file" / ".turns", [])
    await target.apply(details("v1", "v2"))
    assert stack.targets


async def test_the_lock_of_another_machines_update_is_waited_for_and_told() -> None:
    told: list[str] = []
    stack = Stack(busy=1)
    target = target_of(stack)
    target.tell = told.append
    await target.apply(details("v1", "v2", 10))
    assert (stack.live, told) == (10, ["stack local: waits for another update, 600 s at most"])
