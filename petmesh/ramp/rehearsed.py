"""A target on this machine: the rehearsal's mesh, and what its Envoys count."""

import asyncio
from dataclasses import dataclass

from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import ProgramError
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.target import Release, TargetError
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

_KEPT = 1000
_CHANGE_SECONDS = 60.0
# A window may begin this much earlier than asked for: at the reading that began a step.
_TOLERANCE_SECONDS = 0.25


@dataclass(frozen=True)
class _Reading:
    at: float
    versions: dict[str, VersionMetrics]


class RehearsalTarget:
    """A started session of the rehearsal.

    Figures are of tries, not of requests: the mesh asks again where a try fails, which hides most
    errors of a bad version from its callers. A request that was tried three times and then answered
    counts as three, two of them errors.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readings: list[_Reading] = []
        self._live: Release | None = None
        self._way_back: tuple[Release, Mesh] | None = None

    async def release(self) -> Release:
        """Who gets which requests now."""
        if self._live is not None:
            return self._live
        config = self._session.config
        return Release(
            config("stableVersion"),
            self._session.canary,
            int(config("canaryWeight")),
            int(config("canaryMirrorPercent")),
        )

    async def prepare(self) -> None:
        """Begin to count: figures before a ramp are what the stable version is compared with."""
        await self._read()

    async def apply(self, release: Release) -> None:
        """Run the program with the release in its config, and put in force what it declares.

        What weight 0 would declare is known before any other weight is in force: going back waits
        for no program to run.
        """
        back = Release(release.stable, release.canary)
        try:
            async with asyncio.timeout(_CHANGE_SECONDS):
                if self._way_back is None or self._way_back[0] != back:
                    self._way_back = back, gather(await self._session.declare(_config(back)))
                if release == back:
                    await self._session.runtime.apply(self._way_back[1])
                else:
                    await self._session.change(_config(release), lasting=True)
        except TimeoutError as error:
            raise TargetError(f"not in force within {_CHANGE_SECONDS:.0f} s") from error
        except (ProgramError, RefusedError, ProcessError) as error:
            raise TargetError(str(error)) from error
        self._live = release
        await self._read()

    async def promote(self, release: Release) -> None:
        """The same with the canary as the stable version; the old version's pods go last."""
        promoted = Release(release.canary, "")
        try:
            async with asyncio.timeout(_CHANGE_SECONDS):
                await self._session.change(_config(promoted), lasting=True)
        except TimeoutError as error:
            raise TargetError(f"not promoted within {_CHANGE_SECONDS:.0f} s") from error
        except (ProgramError, RefusedError, ProcessError) as error:
            raise TargetError(str(error)) from error
        self._live = promoted

    def interrupt(self) -> None:
        """Nothing: a change here takes a moment."""

    async def observe(self, release: Release, seconds: float) -> Observation:
        """What the callers' Envoys counted since the latest reading that is so long ago."""
        last = await self._read()
        first = self._before(last.at - seconds)
        return Observation(
            seconds=last.at - first.at,
            stable=_figures(first, last, release.stable),
            canary=_figures(first, last, release.canary),
        )

    async def close(self) -> None:
        """Nothing: the session is its owner's."""

    async def _read(self) -> _Reading:
        try:
            versions = await self._session.runtime.version_metrics(self._session.host)
        except (OSError, TimeoutError) as error:
            raise TargetError(f"an Envoy doesn't tell its figures: {error}") from error
        reading = _Reading(asyncio.get_running_loop().time(), versions)
        self._readings = [*self._readings[-_KEPT:], reading]
        return reading

    def _before(self, moment: float) -> _Reading:
        early = [each for each in self._readings if each.at <= moment + _TOLERANCE_SECONDS]
        return early[-1] if early else self._readings[0]


def _config(release: Release) -> dict[str, str]:
    return {
        "stableVersion": release.stable,
        "canaryVersion": release.canary,
        "canaryWeight": str(release.weight),
        "canaryMirrorPercent": str(release.mirror),
    }


def _figures(first: _Reading, last: _Reading, version: str) -> Figures:
    nothing = VersionMetrics()
    counted = last.versions.get(version, nothing).since(first.versions.get(version, nothing))
    # A caller's Envoy that was replaced meanwhile counts from 0 again.
    requests = max(0, counted.requests + counted.retries)
    within = {bound: max(0, count) for bound, count in counted.latency.items()}
    return Figures(
        requests=requests,
        errors=min(requests, max(0, counted.errors + counted.retries)),
        answers=max(within.values(), default=0),
        within=within,
    )
