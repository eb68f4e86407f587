"""What a ramp was asked to do: the first line of its journal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from petmesh.program.plain import Plain
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.group_judge import GroupJudge
from petmesh.ramp.machine import State
from petmesh.ramp.measurements import Observation
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Observations, Release, Releases


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("it names no zone")
    return text


Moment = Annotated[str, AfterValidator(_moment)]


class Member(BaseModel):
    """A service that is ramped, and its versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: Plain
    stable: Plain
    canary: Plain


class RampHeader(BaseModel):
    """The first line: what the ramp was asked to do. One of another form is refused.

    Attributes:
        number: how many ramps of the folder began before, and one; 0 where that isn't known.
        at: when, in ISO 8601, UTC.
        stack: the stack's name.
        group: the name of what is ramped together; empty for a single service.
        members: the services that are ramped, in order.
        target: where it runs: `cluster` or `rehearsal`.
        plan: steps, times and conditions.
        before: both versions of each service before the ramp, interval by interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(default=0, ge=0)
    at: Moment
    stack: Plain
    group: Plain = ""
    members: tuple[Member, ...] = Field(min_length=1)
    target: Plain
    plan: Plan
    before: tuple[Mapping[str, Observation], ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        """The services' names, in order."""
        return tuple(each.service for each in self.members)

    @property
    def is_group(self) -> bool:
        """Whether several services are ramped together."""
        return len(self.members) > 1

    @property
    def label(self) -> str:
        """What is ramped, as short as can be: the canary, or the group."""
        return self.group if self.is_group else self.members[0].canary

    @property
    def stable(self) -> str:
        """The stable version; in a group each with its service."""
        return self._listed([(each.service, each.stable) for each in self.members])

    @property
    def canary(self) -> str:
        """The canary's version; in a group each with its service."""
        return self._listed([(each.service, each.canary) for each in self.members])

    @property
    def title(self) -> str:
        """From which versions to which."""
        steps = [(each.service, f"{each.stable} to {each.canary}") for each in self.members]
        return f"{self.group}: {self._listed(steps)}" if self.is_group else self._listed(steps)

    @property
    def facts(self) -> Mapping[str, str]:
        """What hooks and webhooks are told of it; several services are joined by commas."""
        return {
            "stack": self.stack,
            "group": self.group,
            "service": ",".join(self.services),
            "stable": ",".join(each.stable for each in self.members),
            "canary": ",".join(each.canary for each in self.members),
        }

    def releases(self, weight: int = 0, mirror: int = 0) -> Releases:
        """Its versions with a split, which is the same for every service."""
        return {
            each.service: Release(each.stable, each.canary, weight, mirror) for each in self.members
        }

    def due(self, state: State, seen: Observations, held: float) -> Mapping[str, float | None]:
        """How many requests should have reached each canary, as `Judge.take` has it."""
        settled = held >= self.plan.silence
        split = self.releases(state.weight, state.mirror)
        return {
            service: (release.due(seen[service]) if settled else 0.0) if release.is_raised else None
            for service, release in split.items()
        }

    def judge(self, conditions: Conditions | None = None) -> GroupJudge:
        """A judge that has seen what was before the ramp, by its conditions or by others."""
        return GroupJudge(conditions or self.plan.conditions, self.services, self.before)

    def _listed(self, told: Sequence[tuple[str, str]]) -> str:
        return " and ".join(
            f"{service} {text}" if self.is_group else text for service, text in told
        )


def members_of(releases: Releases) -> tuple[Member, ...]:
    """The services that are ramped, by what is live."""
    return tuple(
        Member(service=service, stable=each.stable, canary=each.canary)
        for service, each in releases.items()
    )
