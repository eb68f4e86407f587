"""What can happen to a ramp."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from petmesh.program.plain import Plain
from petmesh.ramp.conditions import Outcome
from petmesh.ramp.measurements import Observation

Percent = Annotated[int, Field(ge=0, le=100)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Done(_Event):
    """The action under way is in force."""

    kind: Literal["done"] = "done"


class Failed(_Event):
    """The action under way failed; it may be in force or not."""

    kind: Literal["failed"] = "failed"
    reason: Plain


class Judged(_Event):
    """The canary was evaluated.

    Attributes:
        held: seconds since the stage was in force, or since it was resumed.
        clean: whether nothing was seen in it that speaks against the canary.
        shut: whether it is a time when nothing moves.
        observations: what came since the evaluation before, by service.
    """

    kind: Literal["judged"] = "judged"
    outcome: Outcome
    reason: Plain
    held: float
    clean: bool = False
    shut: bool = False
    observations: Mapping[str, Observation]


class MetricsFailed(_Event):
    """The metrics source gave an error.

    Attributes:
        lasting: seconds since it last answered.
    """

    kind: Literal["metrics failed"] = "metrics failed"
    reason: Plain
    lasting: float


class Pause(_Event):
    """Somebody wants the weight to stay where it is; the canary is watched on.

    Attributes:
        left: whether nobody is there who could let it go on, so that the process ends.
    """

    kind: Literal["pause"] = "pause"
    left: bool = False


class Resume(_Event):
    """Somebody wants a paused ramp to go on."""

    kind: Literal["resume"] = "resume"


class Approve(_Event):
    """Somebody opens the gate that the ramp waits at.

    Attributes:
        gate: its name, so that an approval that comes late opens no other gate.
    """

    kind: Literal["approve"] = "approve"
    gate: str


class RollBack(_Event):
    """Somebody wants weight 0.

    Attributes:
        half_promoted: whether that goes for a promotion too, which no process drives any more.
    """

    kind: Literal["roll back"] = "roll back"
    reason: Plain = "asked for"
    half_promoted: bool = False


class Hooked(_Event):
    """A hook was called.

    Attributes:
        when: as the hook names it.
        good: whether the ramp may go on.
        output: what it printed or answered.
    """

    kind: Literal["hook"] = "hook"
    when: str
    good: bool
    output: Plain


class Interrupt(_Event):
    """Ctrl-C, or the system wants the process to end."""

    kind: Literal["interrupt"] = "interrupt"


class Restarted(_Event):
    """Another process took over a ramp.

    Attributes:
        weight, mirror: what is in force, in percent; None where that isn't known.
    """

    kind: Literal["restarted"] = "restarted"
    weight: Percent | None = None
    mirror: Percent | None = None


Event = (
    Done
    | Failed
    | Judged
    | MetricsFailed
    | Pause
    | Resume
    | Approve
    | RollBack
    | Hooked
    | Interrupt
    | Restarted
)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
