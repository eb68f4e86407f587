"""What a ramp is asked to do, and the stages that this makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.hooks import Hook
from petmesh.ramp.schedule import Window

PROMOTION: Final = "promotion"
Gate = int | Literal["promotion"]


class Kind(StrEnum):
    """What a stage sends to the canary."""

    TESTERS = "testers"
    MIRROR = "mirror"
    WEIGHT = "weight"


class OnInterrupt(StrEnum):
    """What Ctrl-C does."""

    ROLLBACK = "rollback"
    PAUSE = "pause"


@dataclass(frozen=True)
class Stage:
    """One part of a ramp.

    Attributes:
        kind: what it sends to the canary.
        weight: the canary's percent of the requests, 0 to 100.
        mirror: the percent of the requests that it gets copies of, 0 to 100.
        hold: how long it lasts at least, in seconds.
        gated: whether it may begin only once it is approved.
    """

    kind: Kind
    weight: int
    mirror: int
    hold: float
    gated: bool = False

    def __str__(self) -> str:
        if self.kind is Kind.MIRROR:
            return f"mirror {self.mirror}%"
        return "testers" if self.kind is Kind.TESTERS else f"{self.weight}%"


class Plan(BaseModel):
    """A ramp from weight 0 to 100 and the promotion.

    Attributes:
        steps: weights in percent, rising, the last one 100. One step is a blue/green release.
        hold: how long each step lasts at least, in seconds.
        interval: seconds from one evaluation to the next, from a millisecond on.
        silence: how long the metrics source may know of no request, in seconds, until that counts
            as an error of it.
        windows: times in which a step or the promotion may begin, such as "Mon-Fri 09:00-16:00
            Europe/Berlin"; none for always. An approval is given at any time.
        hooks: what is called between the steps.
        hook_timeout: how long each hook may take, in seconds.
        patience: how long the metrics source may be in error, in seconds.
        wait: how much longer than its hold a step may wait for enough data and a pass, in seconds.
        gates: weights that need an approval before they are set, or `promotion`.
        testers_hold: how long only the testers' group gets the canary at first, in seconds; 0 for
            no such stage.
        mirror_percent: the percent of the requests that are mirrored to the canary before it gets
            any; 0 for no such stage.
        mirror_hold: how long that lasts at least, in seconds.
        on_interrupt: what Ctrl-C does.
        rollback_attempts: how often weight 0 is tried before the ramp gives up.
        conditions: what the canary must hold to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: tuple[int, ...] = (10, 25, 50, 100)
    hold: float = Field(default=60.0, ge=0)
    interval: float = Field(default=10.0, ge=0.001)
    silence: float = Field(default=120.0, gt=0)
    windows: tuple[Window, ...] = ()
    hooks: tuple[Hook, ...] = ()
    hook_timeout: float = Field(default=60.0, gt=0)
    patience: float = Field(default=60.0, ge=0)
    wait: float = Field(default=300.0, ge=0)
    gates: tuple[Gate, ...] = ()
    testers_hold: float = Field(default=0.0, ge=0)
    mirror_percent: int = Field(default=0, ge=0, le=100)
    mirror_hold: float = Field(default=60.0, ge=0)
    on_interrupt: OnInterrupt = OnInterrupt.ROLLBACK
    rollback_attempts: int = Field(default=10, ge=1)
    conditions: Conditions = Conditions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        steps = ",".join(map(str, self.steps))
        if not self.steps or self.steps[-1] != 100:  # noqa: PLR2004 (percent)
            raise ValueError(f"steps = {steps}: the last one must be 100")
        if self.steps[0] < 1 or any(low >= high for low, high in pairwise(self.steps)):
            raise ValueError(f"steps = {steps}: must be whole percents that rise from 1 to 100")
        for gate in self.gates:
            if gate != PROMOTION and gate not in self.steps:
                raise ValueError(f"gate = {gate}: must be one of the steps {steps}, or {PROMOTION}")
        return self

    @property
    def stages(self) -> Sequence[Stage]:
        """What the ramp goes through, in order; the promotion follows the last one."""
        testers = Stage(Kind.TESTERS, 0, 0, self.testers_hold)
        mirror = Stage(Kind.MIRROR, 0, self.mirror_percent, self.mirror_hold)
        return (
            *([testers] if self.testers_hold else []),
            *([mirror] if self.mirror_percent else []),
            *(Stage(Kind.WEIGHT, step, 0, self.hold, step in self.gates) for step in self.steps),
        )

    def may_begin(self, approvals: int) -> int:
        """How many stages may begin after so many approvals; the promotion counts as one more."""
        gated = [index for index, stage in enumerate(self.stages) if stage.gated]
        if PROMOTION in self.gates:
            gated.append(len(self.stages))
        return gated[approvals] if approvals < len(gated) else len(self.stages) + 1

    def gate_name(self, stage: int) -> str:
        """What an approval before a stage is called: its weight, or `promotion`."""
        return PROMOTION if stage == len(self.stages) else str(self.stages[stage].weight)
