"""The ramp as a state machine: events in, the next state and at most one action out.

There is no clock and no input or output here. Whoever drives it writes each event down before the
action that follows is carried out; the same events in the same order give the same state again.

    applying -> watching -> [waiting] -> applying -> ... -> promoting -> promoted
    watching, waiting, paused -> applying the stage before, once, where nothing can be compared
        any of them but promoting -> rolling back -> rolled back
        watching, waiting <-> paused
        rolling back -> stuck, where weight 0 can't be set however often it is tried
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from petmesh.ramp.conditions import WORSE, Outcome
from petmesh.ramp.events import (
    Approve,
    Done,
    Event,
    Failed,
    Hooked,
    Interrupt,
    Judged,
    MetricsFailed,
    Pause,
    Restarted,
    Resume,
    RollBack,
)
from petmesh.ramp.plan import Kind, OnInterrupt, Plan

_PROMOTION_ATTEMPTS = 3


class Phase(StrEnum):
    """Where a ramp stands."""

    APPLYING = "applying"
    WATCHING = "watching"
    WAITING = "waiting for approval"
    PAUSED = "paused"
    PROMOTING = "promoting"
    ROLLING_BACK = "rolling back"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    STUCK = "stuck"


FINAL = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK})
WATCHED = frozenset({Phase.WATCHING, Phase.WAITING, Phase.PAUSED})
ACTING = frozenset({Phase.APPLYING, Phase.PROMOTING, Phase.ROLLING_BACK})


class ActionKind(StrEnum):
    """What the driver is to do."""

    SPLIT = "split"
    PROMOTE = "promote"


@dataclass(frozen=True)
class Action:
    """Something to be done; it is tried again by being returned again.

    Attributes:
        kind: set the split below, or promote the canary.
        weight, mirror: percent, 0 to 100.
    """

    kind: ActionKind
    weight: int = 0
    mirror: int = 0


@dataclass(frozen=True)
class State:
    """Where a ramp stands.

    Attributes:
        phase: what it does.
        stage: index of the stage that is in force, being applied, or was when it ended.
        approvals: how many gates were opened.
        weight, mirror: percent, the last ones known to be in force. While the phase is one of
            `ACTING` the change under way may be in force as well. On the way back and where it is
            stuck, the highest that may be.
        attempts: how often the action under way has failed.
        reason: why it is in this phase, for people.
        pause_asked: it pauses once the change under way is in force.
        left: no process watches it.
        compared_again: it was lowered by a stage, so that the canary can be compared again.
    """

    phase: Phase
    stage: int = 0
    approvals: int = 0
    weight: int = 0
    mirror: int = 0
    attempts: int = 0
    reason: str = ""
    pause_asked: bool = False
    left: bool = False
    compared_again: bool = False


@dataclass(frozen=True)
class Transition:
    """The state that follows, and what is to be done now; no action leaves the one under way."""

    state: State
    action: Action | None = None


def begin(plan: Plan) -> Transition:
    """The first transition of a ramp; a gate before the first stage holds it at weight 0."""
    return _enter(plan, State(Phase.WATCHING, stage=-1), 0)


def advance(plan: Plan, state: State, event: Event) -> Transition:
    """What follows from an event. An event that means nothing in a phase changes nothing."""
    if state.phase in FINAL:
        return _still(state)
    match event:
        case Done() | Failed():
            following = _acted(plan, state, event)
        case Judged():
            following = _judged(plan, state, event)
        case MetricsFailed():
            following = _blind(plan, state, event)
        case Restarted():
            following = _restarted(plan, state, event)
        case Hooked():
            following = _still(state)
        case _:
            following = _asked(plan, state, event)
    return following


def _asked(
    plan: Plan, state: State, event: Approve | Resume | Pause | RollBack | Interrupt
) -> Transition:
    match event:
        case Approve():
            return _approved(plan, state, event)
        case Resume():
            return _resumed(plan, state)
        case Pause():
            return _paused(state, left=event.left or state.left)
        case RollBack():
            given_up = event.half_promoted and state.phase is Phase.PROMOTING
            return (_back if given_up else _asked_back)(plan, state, event.reason)
        case Interrupt():
            if plan.on_interrupt is OnInterrupt.ROLLBACK:
                return _asked_back(plan, state, "interrupted")
            return _paused(state, left=True)


def _acted(plan: Plan, state: State, event: Done | Failed) -> Transition:
    if state.phase not in ACTING:
        return _still(state)
    if isinstance(event, Failed):
        return _action_failed(plan, state, event.reason)
    if state.phase is Phase.ROLLING_BACK:
        return Transition(replace(state, phase=Phase.ROLLED_BACK, weight=0, mirror=0, attempts=0))
    if state.phase is Phase.PROMOTING:
        return Transition(replace(state, phase=Phase.PROMOTED, weight=100, mirror=0, attempts=0))
    stage = plan.stages[state.stage]
    reached = replace(state, weight=stage.weight, mirror=stage.mirror, attempts=0)
    if state.pause_asked:
        return Transition(
            replace(reached, phase=Phase.PAUSED, pause_asked=False, reason="asked for")
        )
    return Transition(replace(reached, phase=Phase.WATCHING, reason=""))


def _action_failed(plan: Plan, state: State, reason: str) -> Transition:
    attempts = state.attempts + 1
    if state.phase is Phase.ROLLING_BACK:
        if attempts < plan.rollback_attempts:
            return Transition(replace(state, attempts=attempts), Action(ActionKind.SPLIT))
        stuck = f"weight 0 could not be set in {attempts} attempts: {reason}"
        return Transition(replace(state, phase=Phase.STUCK, attempts=attempts, reason=stuck))
    if state.phase is Phase.PROMOTING:
        if attempts < _PROMOTION_ATTEMPTS:
            return Transition(replace(state, attempts=attempts), Action(ActionKind.PROMOTE))
        paused = f"the promotion failed: {reason}"
        return Transition(replace(state, phase=Phase.PAUSED, attempts=0, reason=paused))
    return _back(plan, state, f"{plan.stages[state.stage]} could not be set: {reason}")


def _judged(plan: Plan, state: State, event: Judged) -> Transition:
    if state.phase not in WATCHED:
        return _still(state)
    if event.outcome in WORSE:
        comparable = event.outcome is Outcome.FAIL
        return (_back if comparable else _lowered)(plan, state, event.reason)
    if state.phase is not Phase.WATCHING:
        return _still(state)
    # The next stage begins where this one has held long enough; where it never will, it goes back.
    stage = plan.stages[state.stage]
    # Testers may be few: what they see is their verdict, unless the figures look bad.
    enough = event.outcome is Outcome.PASS or (stage.kind is Kind.TESTERS and event.clean)
    if enough and event.held >= stage.hold:
        waits = _still(replace(state, reason="waits for a window"))
        return waits if event.shut else _enter(plan, state, state.stage + 1)
    if event.held >= stage.hold + plan.wait:
        return _back(plan, state, f"no pass within {event.held:.0f} s at {stage}: {event.reason}")
    return _still(state)


def _lowered(plan: Plan, state: State, reason: str) -> Transition:
    """Give the stable version requests again, to compare; go back where that was done before."""
    below = plan.stages[state.stage - 1] if state.stage > 0 else None
    if state.compared_again or below is None or below.kind is not Kind.WEIGHT:
        return _back(plan, state, reason)
    applying = replace(
        state,
        phase=Phase.APPLYING,
        stage=state.stage - 1,
        attempts=0,
        reason=f"to compare again: {reason}",
        pause_asked=state.phase is Phase.PAUSED,
        compared_again=True,
    )
    return Transition(applying, Action(ActionKind.SPLIT, below.weight, below.mirror))


def _blind(plan: Plan, state: State, event: MetricsFailed) -> Transition:
    if state.phase in WATCHED and event.lasting >= plan.patience:
        return _back(plan, state, f"no metrics for {event.lasting:.0f} s: {event.reason}")
    return _still(state)


def _approved(plan: Plan, state: State, event: Approve) -> Transition:
    following = state.stage + 1
    if state.phase is not Phase.WAITING or event.gate != plan.gate_name(following):
        return _still(state)
    return _enter(plan, replace(state, approvals=state.approvals + 1), following)


def _resumed(plan: Plan, state: State) -> Transition:
    if state.phase is Phase.APPLYING:
        return _still(replace(state, pause_asked=False, left=False))
    if state.phase is not Phase.PAUSED:
        return _still(state)
    resumed = replace(state, phase=Phase.WATCHING, reason="", left=False)
    return _still(resumed) if state.stage >= 0 else _enter(plan, resumed, 0)


def _paused(state: State, *, left: bool) -> Transition:
    if state.phase in WATCHED:
        reason = state.reason if state.phase is Phase.PAUSED else "asked for"
        return _still(replace(state, phase=Phase.PAUSED, reason=reason, left=left))
    if state.phase is Phase.APPLYING:
        return _still(replace(state, pause_asked=True, left=left))
    return _still(state)


def _asked_back(plan: Plan, state: State, reason: str) -> Transition:
    """Go back, unless it is on its way back, or the promotion of a canary that passed is."""
    busy = state.phase in (Phase.ROLLING_BACK, Phase.PROMOTING)
    return _still(state) if busy else _back(plan, state, reason)


def _restarted(plan: Plan, state: State, event: Restarted) -> Transition:
    """Take up the action that was under way; where the live split isn't the stage's, set it."""
    state = replace(state, left=False, attempts=0)
    weight = state.weight if event.weight is None else event.weight
    mirror = state.mirror if event.mirror is None else event.mirror
    if state.phase in (Phase.ROLLING_BACK, Phase.STUCK):
        # A change may have reached the proxies, and not what the event's weight was read from.
        highest = replace(state, weight=max(state.weight, weight), mirror=max(state.mirror, mirror))
        return _back(plan, highest, state.reason)
    state = replace(state, weight=weight, mirror=mirror)
    if state.phase is Phase.PROMOTING:
        return Transition(state, Action(ActionKind.PROMOTE))
    if state.stage < 0:
        return _still(state)
    stage = plan.stages[state.stage]
    asserted = Action(ActionKind.SPLIT, stage.weight, stage.mirror)
    if state.phase is Phase.APPLYING:
        return Transition(state, asserted)
    if (event.weight, event.mirror) == (stage.weight, stage.mirror):
        return _still(state)
    paused = state.phase is Phase.PAUSED
    return Transition(
        replace(state, phase=Phase.APPLYING, pause_asked=paused, reason="the weight had changed"),
        asserted,
    )


def _still(state: State) -> Transition:
    """Nothing new is to be done."""
    return Transition(state)


def _enter(plan: Plan, state: State, index: int) -> Transition:
    """Begin a stage or, after the last one, the promotion; or wait for its gate to be opened."""
    if index >= plan.may_begin(state.approvals):
        reason = f"{plan.gate_name(index)} needs an approval"
        return Transition(replace(state, phase=Phase.WAITING, reason=reason))
    if index == len(plan.stages):
        promoting = replace(state, phase=Phase.PROMOTING, attempts=0, reason="every step passed")
        return Transition(promoting, Action(ActionKind.PROMOTE))
    stage = plan.stages[index]
    applying = replace(state, phase=Phase.APPLYING, stage=index, attempts=0, reason="")
    return Transition(applying, Action(ActionKind.SPLIT, stage.weight, stage.mirror))


def _back(plan: Plan, state: State, reason: str) -> Transition:
    """Go back; a change that was under way may be in force until weight 0 is."""
    weight, mirror = state.weight, state.mirror
    if state.phase is Phase.APPLYING:
        stage = plan.stages[state.stage]
        weight, mirror = max(weight, stage.weight), max(mirror, stage.mirror)
    back = replace(
        state,
        phase=Phase.ROLLING_BACK,
        weight=weight,
        mirror=mirror,
        attempts=0,
        reason=reason,
        pause_asked=False,
        left=False,
    )
    return Transition(back, Action(ActionKind.SPLIT))


def begins_a_hold(before: Phase, after: Phase) -> bool:
    """Whether the time of a stage counts anew from here."""
    resumed = after is Phase.WATCHING and before is not Phase.WATCHING
    return resumed or (before in ACTING and after in WATCHED)
