"""Services that are ramped together: one weight, one end, and nobody else's ramp beside it."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.ramp import locations
from petmesh.ramp.events import Approve, Hooked, Judged, Pause, Restarted, Resume, RollBack
from petmesh.ramp.journal import Record, latest
from petmesh.ramp.kept import Kept
from petmesh.ramp.machine import Phase, advance
from petmesh.ramp.options import Options
from petmesh.ramp.plan import PROMOTION
from petmesh.ramp.ramping import is_half_promoted, is_of, taken_up
from petmesh.ramp.target import Observations, Release, Releases
from tests.unit.ramp.commanded import PLAN
from tests.unit.ramp.fakes import BAD, GOOD, QUICK, FakeTarget, start, wait_for_weight

PETS, DETAILS = "petservice", "petdetailsservice"
BOTH = (DETAILS, PETS)
GROUP = ("--group", ",".join(BOTH))
OPTIONS = Options(group=",".join(BOTH))


def group() -> FakeTarget:
    return FakeTarget(group=BOTH)


def record_in(folder: Path) -> Record:
    record = latest(folder)
    assert record is not None
    return record


def of_both(release: Release) -> dict[str, Release]:
    return dict.fromkeys(BOTH, release)


async def test_a_good_group_rises_in_step_and_is_promoted_in_one_update(tmp_path: Path) -> None:
    target = group()
    state = await start(tmp_path, target).run()
    assert state.phase is Phase.PROMOTED
    weights = [of_both(Release("v1", "v2", weight)) for weight in (10, 25, 50, 100)]
    assert target.updates == [*weights, of_both(Release("v2", ""))]
    judged = [
        entry.event for entry in record_in(tmp_path).entries if isinstance(entry.event, Judged)
    ]
    assert all([*each.observations] == [*BOTH] for each in judged)


@pytest.mark.parametrize("bad", BOTH)
async def test_one_that_fails_takes_the_whole_group_back_in_one_update(
    bad: str, tmp_path: Path
) -> None:
    target = group()
    target.canaries = {bad: BAD}
    state = await start(tmp_path, target).run()
    assert state.phase is Phase.ROLLED_BACK
    assert target.updates == [of_both(Release("v1", "v2", 10)), of_both(Release("v1", "v2"))]
    assert state.reason.startswith(f"{bad}: success 40.00%")
    assert [each for each in BOTH if each in state.reason] == [bad]


async def test_a_group_waits_for_the_service_that_knows_too_little(tmp_path: Path) -> None:
    target = group()
    target.canaries = {PETS: GOOD.since(GOOD)}
    plan = QUICK.model_copy(update={"wait": 0.1})
    state = await start(tmp_path, target, plan).run()
    assert state.phase is Phase.ROLLED_BACK
    assert "no pass within" in state.reason
    assert f"{PETS}: 0 of the 100 requests that a verdict needs" in state.reason


async def test_a_service_that_nobody_calls_is_named(tmp_path: Path) -> None:
    class Unheard(FakeTarget):
        async def observe(self, releases: Releases, seconds: float) -> Observations:
            seen = dict(await super().observe(releases, seconds))
            seen[PETS] = seen[PETS].since(seen[PETS])
            return seen

    plan = QUICK.model_copy(update={"silence": 0.05, "patience": 0.1, "wait": 60.0})
    state = await start(tmp_path, Unheard(group=BOTH), plan).run()
    assert state.phase is Phase.ROLLED_BACK
    assert f"no request to either version of {PETS} is known" in state.reason


async def killed_at(folder: Path, target: FakeTarget, weight: int) -> Record:
    plan = QUICK.model_copy(update={"hold": 60.0} if weight < 100 else {})
    task = asyncio.create_task(start(folder, target, plan).run())
    await wait_for_weight(target, weight)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    return record_in(folder)


async def test_what_a_kill_left_half_done_is_set_for_all_again(tmp_path: Path) -> None:
    target = group()
    record = await killed_at(tmp_path, target, 10)
    target.lives = {DETAILS: Release("v1", "v2", 10), PETS: Release("v1", "v2")}
    run = taken_up(record, target.lives, [Resume()])
    assert run.transition.action is not None
    assert (run.transition.state.phase, run.transition.action.weight) == (Phase.APPLYING, 10)
    event = run.taken_up[0].event
    assert isinstance(event, Restarted)
    assert event.weight is None
    run.journal.close()
    back = advance(record.header.plan, run.transition.state, RollBack())
    assert (back.state.phase, back.state.weight) == (Phase.ROLLING_BACK, 10)


async def test_half_a_promotion_is_the_ramps_own(tmp_path: Path) -> None:
    target = group()
    record = await killed_at(tmp_path, target, 10)
    half = {DETAILS: Release("v2", ""), PETS: Release("v1", "v2", 100)}
    assert not is_half_promoted(record, half)
    last = len(record.header.plan.stages) - 1
    at_end = Record(record.path, record.header, [], 0)
    entry = record.entries[-1]
    promoting = type(entry)(
        entry.at, entry.event, type(entry.state)(Phase.PROMOTING, stage=last), None
    )
    at_end = Record(record.path, record.header, [promoting], 0)
    assert is_half_promoted(at_end, half)
    assert not is_half_promoted(at_end, {**half, PETS: Release("v1", "v3", 100)})
    assert not is_half_promoted(at_end, {DETAILS: Release("v2", "")})
    assert is_of(record.header, of_both(Release("v1", "v2", 30)))


def test_the_commands_know_a_group(target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ramp", *GROUP, *PLAN]) == 0
    told = capsys.readouterr().out
    assert "promoted: petdetailsservice v2 and petservice v2 are the stable versions" in told
    folder = locations.journal_folder(OPTIONS)
    assert folder.name == "petdetailsservice+petservice"
    assert record_in(folder).header.services == BOTH
    target.live = Release("v2", "v3", 20)
    assert main(["rollback", *GROUP]) == 0
    assert target.lives == of_both(Release("v2", "v3"))
    assert main(["status", *GROUP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "group: petdetailsservice+petservice" in lines
    assert "live: petservice: v2 100%, v3 0%" in lines
    assert main(["status", *GROUP, "--json"]) == 0
    live = json.loads(capsys.readouterr().out)["live"]
    assert {service: each["canary"] for service, each in live.items()} == dict.fromkeys(BOTH, "v3")
    assert main(["promote", *GROUP, "--now"]) == 0
    assert target.lives == of_both(Release("v3", ""))
    assert main(["ramp-report"]) == 0
    report = capsys.readouterr().out.splitlines()[-1]
    text = Path(report).read_text()
    assert "Failed tries of petservice" in text
    assert "petdetailsservice v1 to v2 and petservice v1 to v2" in text


def test_status_tells_what_is_kept_and_asks_the_stack_once(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live, target.keeps = Release("v2", ""), Kept("v1", "2026-11-28T12:00:00Z")
    assert main(["status", *GROUP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "kept: petservice: v1, until 2026-11-28T12:00:00Z" in lines
    target.opened = 0
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == {
        DETAILS: {"version": "v1", "until": "2026-11-28T12:00:00Z"}
    }
    target.live = Release("v2", "v3")
    assert main(["promote", "--now"]) == 0
    assert main(["rollback"]) == 0
    assert target.opened == 3


@pytest.mark.usefixtures("target")
def test_a_service_is_in_one_ramp_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with locations.held_stack(locations.journal_folder(OPTIONS), OPTIONS, BOTH):
        for command in (["ramp", *PLAN], ["rollback"], ["promote", "--now"]):
            assert main([*command, "--service", PETS]) == 1
            [line] = capsys.readouterr().err.splitlines()
            assert line.startswith(f"petmesh: stack local: {PETS}: process ")
            assert line.endswith("runs a ramp of it")
        assert main(["ramp", *PLAN, "--service", "petmedicalhistoryservice"]) == 0
    alone = Options(service=PETS)
    with locations.held_stack(locations.journal_folder(alone), alone, [PETS]):
        assert main(["ramp", *PLAN, *GROUP]) == 1
        assert f"stack local: {PETS}: process" in capsys.readouterr().err


@pytest.mark.usefixtures("target")
def test_a_command_is_about_the_group_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with locations.held_stack(locations.journal_folder(OPTIONS), OPTIONS, BOTH):
        assert main(["status"]) == 0
        assert capsys.readouterr().out.startswith("group: petdetailsservice+petservice\n")
        other = Options(service="petmedicalhistoryservice")
        with locations.held_stack(locations.journal_folder(other), other):
            assert main(["pause"]) == 2
    assert capsys.readouterr().err == (
        "petmesh: --service or --group: must be given, one of "
        "--group petdetailsservice,petservice, --service petmedicalhistoryservice\n"
    )


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("name", ["a,,b", "a,a", "../x", "a,../x", ",", "a b"])
def test_what_is_no_group_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ramp", f"--group={name}"]) == 2
    assert capsys.readouterr().err.startswith(f"petmesh: --group = {name}: must be a group's name")


@pytest.mark.usefixtures("target")
def test_a_group_and_a_service_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ramp", *GROUP, "--service", PETS]) == 2
    assert "give it or --service, not both" in capsys.readouterr().err


async def test_a_paused_group_keeps_its_weights_and_goes_on(tmp_path: Path) -> None:
    target = group()
    driver = start(tmp_path, target, QUICK.model_copy(update={"hold": 0.2}))
    task = asyncio.create_task(driver.run())
    await wait_for_weight(target, 10)
    driver.post(Pause())
    await asyncio.sleep(0.5)
    assert (driver.state.phase, target.lives) == (Phase.PAUSED, of_both(Release("v1", "v2", 10)))
    driver.post(Resume())
    assert (await task).phase is Phase.PROMOTED


def test_a_group_is_gated_hooked_told_resumed_and_replayed_as_one(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left = locations.journal_folder(OPTIONS)
    target.choose("", OPTIONS.group)
    asyncio.run(killed_at(left, target, 10))
    # The kill came in the middle of an update.
    target.lives = {DETAILS: Release("v1", "v2", 10), PETS: Release("v1", "v2")}
    assert main(["ramp", *GROUP, *PLAN]) == 1
    unfinished = "a ramp is unfinished, checkout is watching at weight 10; go on with ramp --resume"
    assert unfinished in capsys.readouterr().err
    assert main(["status", *GROUP]) == 0
    shown = capsys.readouterr().out
    assert f"live: {PETS}: v1 100%, v2 0%\n" in shown
    assert "NO process drives it" in shown
    target.canaries = {PETS: BAD}
    assert main(["ramp", "--resume", *GROUP]) == 3
    assert target.lives == of_both(Release("v1", "v2"))
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith(f"rolled back: {DETAILS} v2 and {PETS} v2 are at weight 0")
    )
    record = record_in(left)
    assert main(["ramp", "--replay", str(record.path)]) == 3
    assert f"fail: {PETS}: success 40.00%" in capsys.readouterr().out
    assert main(["ramp", "--replay", str(record.path), "--compare", "off"]) == 0
    capsys.readouterr()

    target.canaries = {}
    facts = ("GROUP", "SERVICE", "STABLE", "CANARY", "WEIGHT")
    script = f"import os; print(*(os.environ['PETMESH_' + each] for each in {facts}))"
    hook = ["--hook", f'before-promotion={sys.executable} -c "{script}"']
    assert main(["ramp", *GROUP, *PLAN, *hook]) == 0
    hooked = [each.event for each in record_in(left).entries if isinstance(each.event, Hooked)]
    assert [each.output for each in hooked] == [
        f"{DETAILS}+{PETS} {DETAILS},{PETS} v1,v1 v2,v2 100"
    ]


async def test_a_gate_holds_the_whole_group_until_it_is_approved(tmp_path: Path) -> None:
    target = group()
    driver = start(tmp_path, target, QUICK.model_copy(update={"gates": (50, PROMOTION)}))
    task = asyncio.create_task(driver.run())
    for gate, weight in (("50", 25), (PROMOTION, 100)):
        while driver.state.phase is not Phase.WAITING:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert target.lives == of_both(Release("v1", "v2", weight))
        driver.post(Approve(gate=gate))
        await asyncio.sleep(0.05)
    assert (await task).phase is Phase.PROMOTED
    assert target.lives == of_both(Release("v2", ""))
