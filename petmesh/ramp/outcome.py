"""How a ramp ended: the exit status and the last line."""

from petmesh.ramp.header import RampHeader
from petmesh.ramp.machine import Phase, State

PROMOTED, FAILED, ROLLED_BACK, LEFT, STUCK = 0, 1, 3, 4, 5

_STATUS = {
    Phase.PROMOTED: PROMOTED,
    Phase.ROLLED_BACK: ROLLED_BACK,
    Phase.PAUSED: LEFT,
    Phase.STUCK: STUCK,
}


def exit_status(state: State) -> int:
    """0 promoted, 3 rolled back, 4 left paused, 5 weight 0 could not be set, 1 anything else."""
    return _STATUS.get(state.phase, FAILED)


def last_line(header: RampHeader, state: State) -> str:
    """What is in force now, and why."""
    stable, canary = header.stable, header.canary
    are, get = ("are", "get") if header.is_group else ("is", "gets")
    versions = "stable versions" if header.is_group else "stable version"
    match state.phase:
        case Phase.PROMOTED:
            return f"promoted: {canary} {are} the {versions} and {get} every request"
        case Phase.ROLLED_BACK:
            return (
                f"rolled back: {canary} {are} at weight 0, {stable} {get} every request: "
                f"{state.reason}"
            )
        case Phase.PAUSED:
            reason = f": {state.reason}" if state.reason else ""
            return (
                f"paused: {canary} {are} at weight {state.weight} and nothing watches it{reason}; "
                "go on with ramp --resume, or end it with rollback"
            )
        case Phase.STUCK:
            mirrored = f" with {state.mirror}% mirrored" if state.mirror else ""
            return (
                f"STUCK: {state.reason}; {canary} may still be at weight {state.weight}{mirrored}; "
                "mend the cause and run rollback"
            )
        case _:
            return standing(header, state)


def standing(header: RampHeader, state: State) -> str:
    """Where an unfinished ramp stands."""
    reason = f": {state.reason}" if state.reason else ""
    if state.phase is Phase.APPLYING:
        stage = header.plan.stages[state.stage]
        reason = f": will pause once {stage} is set" if state.pause_asked else f": sets {stage}"
    return f"{header.label} is {state.phase.value} at weight {state.weight}{reason}"
