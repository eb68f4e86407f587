"""The ramp's state machine, event by event."""

import pytest

from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import Approve, Event, Interrupt, MetricsFailed, Pause, Restarted, RollBack
from petmesh.ramp.machine import Action, ActionKind, Phase
from petmesh.ramp.plan import PROMOTION, OnInterrupt, Plan
from tests.unit.ramp.world import World, judged


def straight(plan: Plan) -> tuple[list[str], World]:
    """Everything passes; the actions in order."""
    world, actions = World(plan), list[str]()
    for _ in range(40):
        if world.action:
            split = f"{world.action.weight}/{world.action.mirror}"
            actions.append("promote" if world.action.kind is ActionKind.PROMOTE else split)
            world.carry_out(in_force=True, reported=True)
        world.send(judged(Outcome.PASS, 10))
    return actions, world


def test_a_good_canary_goes_through_every_step_and_is_promoted() -> None:
    actions, world = straight(Plan(hold=10))
    assert actions == ["10/0", "25/0", "50/0", "100/0", "promote"]
    assert world.state.phase is Phase.PROMOTED


def test_testers_come_before_the_mirror_and_the_mirror_before_any_weight() -> None:
    actions, _ = straight(
        Plan(steps=(100,), hold=10, testers_hold=5, mirror_percent=20, mirror_hold=5)
    )
    assert actions == ["0/0", "0/20", "100/0", "promote"]


def test_testers_need_not_be_many() -> None:
    world = World(Plan(testers_hold=10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 10, clean=True))
    assert world.action == Action(ActionKind.SPLIT, 10, 0)


def test_testers_who_see_failures_are_not_enough_though_they_are_few() -> None:
    world = World(Plan(testers_hold=10, wait=50))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 10))
    assert (world.state.phase, world.action) == (Phase.WATCHING, None)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 60))
    assert world.state.phase is Phase.ROLLING_BACK


def test_a_gate_holds_the_weight_until_it_and_no_other_is_approved() -> None:
    world = World(Plan(steps=(10, 50, 100), hold=10, gates=(50, PROMOTION)))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    assert (world.state.phase, world.in_force) == (Phase.WAITING, 10)
    world.send(Approve(gate=PROMOTION))
    assert world.state.phase is Phase.WAITING
    world.send(Approve(gate="50"))
    world.carry_out(in_force=True, reported=True)
    assert world.in_force == 50


def test_an_approval_before_anything_waits_for_it_opens_nothing() -> None:
    world = World(Plan(steps=(10, 50, 100), hold=10, gates=(50,)))
    world.carry_out(in_force=True, reported=True)
    world.send(Approve(gate="50"))
    assert (world.state.phase, world.state.weight) == (Phase.WATCHING, 10)
    world.send(judged(Outcome.PASS, 10))
    assert world.state.phase is Phase.WAITING


def test_a_pause_during_a_change_holds_what_the_change_sets() -> None:
    world = World(Plan(hold=10))
    world.send(Pause())
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 10)
    world.send(judged(Outcome.PASS, 10))
    assert world.state.phase is Phase.PAUSED


def test_a_ramp_that_cannot_go_back_names_the_highest_weight_that_may_be_in_force() -> None:
    world = World(Plan(steps=(10, 25, 100), hold=10, rollback_attempts=1))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.carry_out(in_force=True, reported=False)
    world.send(RollBack())
    world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.STUCK, 25)

    # What is read then may be older than what reached the proxies.
    world.send(Restarted(weight=10, mirror=0))
    world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.STUCK, 25)


@pytest.mark.parametrize("event", [RollBack(), Interrupt()])
def test_a_promotion_that_is_under_way_is_finished(event: Event) -> None:
    world = World(Plan(steps=(100,), hold=10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.send(event)
    assert world.action == Action(ActionKind.PROMOTE)
    world.carry_out(in_force=True, reported=True)
    assert world.state.phase is Phase.PROMOTED


def test_a_ramp_that_waits_or_is_paused_still_goes_back_when_its_canary_turns_bad() -> None:
    for hold in (Pause(), judged(Outcome.PASS, 10)):
        world = World(Plan(steps=(10, 100), hold=10, gates=(100,)))
        world.carry_out(in_force=True, reported=True)
        world.send(hold)
        assert world.state.phase in (Phase.PAUSED, Phase.WAITING)
        world.send(judged(Outcome.FAIL, 20))
        assert world.action == Action(ActionKind.SPLIT, 0, 0)


def test_a_silent_metrics_source_is_borne_for_so_long_and_no_longer() -> None:
    world = World(Plan(patience=30))
    world.carry_out(in_force=True, reported=True)
    world.send(MetricsFailed(reason="refused", lasting=29))
    assert world.state.phase is Phase.WATCHING
    world.send(MetricsFailed(reason="refused", lasting=30))
    assert world.state.phase is Phase.ROLLING_BACK
    assert "refused" in world.state.reason


def test_without_enough_data_a_step_waits_and_then_goes_back() -> None:
    world = World(Plan(hold=10, wait=50))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 59))
    assert world.state.phase is Phase.WATCHING
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 60))
    assert world.state.phase is Phase.ROLLING_BACK


def test_an_interrupt_pauses_where_that_was_asked_for() -> None:
    world = World(Plan(on_interrupt=OnInterrupt.PAUSE))
    world.send(Interrupt())
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight, world.state.left) == (Phase.PAUSED, 10, True)


def test_a_weight_that_someone_changed_is_set_again_by_the_process_that_takes_over() -> None:
    world = World(Plan())
    world.carry_out(in_force=True, reported=True)
    world.send(Restarted(weight=0, mirror=0))
    assert world.action == Action(ActionKind.SPLIT, 10, 0)


def test_a_paused_ramp_is_still_paused_once_its_weight_is_set_again() -> None:
    world = World(Plan())
    world.carry_out(in_force=True, reported=True)
    world.send(Pause())
    world.send(Restarted(weight=0, mirror=0))
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 10)


def test_a_promotion_that_fails_again_and_again_pauses_at_100() -> None:
    world = World(Plan(steps=(100,), hold=0))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 0))
    for _ in range(3):
        world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 100)


def at_100(plan: Plan) -> World:
    """A ramp whose canary has every request."""
    world = World(plan)
    while world.in_force < 100:
        if world.action:
            world.carry_out(in_force=True, reported=True)
        else:
            world.send(judged(Outcome.PASS, plan.hold))
    return world


def test_what_cannot_be_compared_is_compared_again_a_step_lower_and_then_goes_on() -> None:
    world = at_100(Plan(steps=(10, 50, 100), hold=10))
    world.send(judged(Outcome.NOT_COMPARABLE, 5))
    assert world.action == Action(ActionKind.SPLIT, 50, 0)
    assert world.state.reason.startswith("to compare again: ")
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    assert world.action == Action(ActionKind.PROMOTE)


def test_what_cannot_be_compared_twice_goes_back_as_does_what_has_no_step_before() -> None:
    world = at_100(Plan(steps=(10, 50, 100), hold=10))
    world.send(judged(Outcome.NOT_COMPARABLE, 5))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_COMPARABLE, 5))
    assert (world.state.phase, world.action) == (
        Phase.ROLLING_BACK,
        Action(ActionKind.SPLIT, 0, 0),
    )
    for mirrored in (0, 20):
        world = at_100(Plan(steps=(100,), hold=10, mirror_percent=mirrored, mirror_hold=5))
        world.send(judged(Outcome.NOT_COMPARABLE, 5))
        assert world.action == Action(ActionKind.SPLIT, 0, 0)


def test_a_ramp_that_is_paused_or_waits_at_100_is_lowered_too_and_keeps_its_approvals() -> None:
    paused = at_100(Plan(steps=(50, 100), hold=10))
    paused.send(Pause())
    paused.send(judged(Outcome.NOT_COMPARABLE, 5))
    paused.carry_out(in_force=True, reported=True)
    assert (paused.state.phase, paused.in_force) == (Phase.PAUSED, 50)

    world = World(Plan(steps=(50, 100), hold=10, gates=(100, PROMOTION)))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.send(Approve(gate="100"))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    assert world.state.phase is Phase.WAITING
    world.send(judged(Outcome.NOT_COMPARABLE, 5))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    assert world.action == Action(ActionKind.SPLIT, 100, 0)
