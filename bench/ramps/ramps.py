"""A ramp on an open place, as the measurements need it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from petmesh.ramp.driver import Driver, Listener, RampRun
from petmesh.ramp.header import Member, RampHeader
from petmesh.ramp.journal import Journal, now
from petmesh.ramp.machine import begin
from petmesh.ramp.options import RampOptions
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Release, Target
from petmesh.ramp.targets import OpenTarget
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

STABLE, CANARY = "v1", "v2"
WORKLOAD = f"petdetailsservice-{CANARY}"
REHEARSED = RampOptions(target="rehearsal", service="petdetailsservice")
MEMBER = Member(service="petdetailsservice", stable=STABLE, canary=CANARY)
HOST = "petdetailsservice.pets.svc.cluster.local"


def new_ramp(
    plan: Plan, target: Target, folder: Path, listeners: Sequence[Listener] = ()
) -> tuple[Driver, Journal]:
    """A ramp from v1 to v2."""
    header = RampHeader(at=now(), stack="local", target="rehearsal", members=(MEMBER,), plan=plan)
    journal = Journal.create(folder, header)
    run = RampRun(header, journal, begin(plan), header.judge())
    return Driver(run, target, folder, listeners), journal


def session_of(place: OpenTarget) -> Session:
    """The mesh of a rehearsed place."""
    if place.session is None:
        raise RuntimeError("the place is no rehearsal")
    return place.session


async def reset(place: OpenTarget) -> None:
    """v1 gets every request, v2 runs beside it without faults."""
    await place.target.apply({MEMBER.service: Release(STABLE, CANARY)})
    await session_of(place).runtime.adjust(WORKLOAD)


async def until_passed(driver: Driver, weight: int, seconds: float) -> None:
    """Wait until a weight has been in force for so many seconds."""
    while driver.state.weight != weight:  # noqa: ASYNC110 (any weight may be waited for)
        await asyncio.sleep(0.02)
    await asyncio.sleep(seconds)


async def counted(place: OpenTarget) -> dict[str, VersionMetrics]:
    """What the callers' Envoys counted so far."""
    return await session_of(place).runtime.version_metrics(HOST)


def load_totals(place: OpenTarget) -> tuple[int, int]:
    """Requests of the load so far, and how many of them failed."""
    phases = place.load.phases if place.load else []
    return sum(phase.requests for phase in phases), sum(phase.failed for phase in phases)
