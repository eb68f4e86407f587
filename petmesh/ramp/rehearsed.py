"""A target on this machine: the rehearsal's mesh, and what its Envoys count."""

import asyncio
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.exported import ExportedRelease
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.stack_state import StackState, workload_of
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
    """A session of the rehearsal.

    Figures are of tries, not of requests: the mesh asks again where a try fails, which hides most
    errors of a bad version from its callers. A request that was tried three times and then answered
    counts as three, two of them errors.
    """

    def __init__(self, session: Session, service: str = "") -> None:
        self._session = session
        self._service = service
        self._readings: list[_Reading] = []
        self._destinations: dict[str, tuple[str, str]] = {}
        self._way_back: tuple[Release, Declaration, Mesh] | None = None

    async def start(self, given: Collection[str] = ()) -> None:
        """Start the session, the canary at weight 0.

        Args:
            given: the config keys that aren't to be changed.

        Raises:
            TargetError: there is no such service, or it has no canary.
            ProgramError, RefusedError, ProcessError: the mesh can't be started.
        """
        declared = StackState.of_declaration(await self._session.declare({}))
        exported = declared.exported(self._service)
        live, keys = declared.live(exported), exported.config
        if not live.canary:
            raise TargetError(
                f"stack {declared.stack}: {exported.service} has no canary: "
                f"give --config {keys.canary}=VERSION"
            )
        zero = {key: "0" for key in (keys.weight, keys.mirror) if key not in given}
        self._session.overrides |= zero
        await self._session.start()

    async def adjust(self, environment: Mapping[str, str]) -> None:
        """Give the canary's pods further variables, such as its faults; none takes them away.

        Raises:
            ProcessError: a process failed.
        """
        exported = self.exported
        workload = workload_of(exported, self._state.live(exported).canary)
        await self._session.runtime.adjust(workload, environment=environment)

    @property
    def exported(self) -> ExportedRelease:
        """The release as the applied program exports it."""
        return self._state.exported(self._service)

    async def release(self) -> Release:
        """Who gets which requests now, by the declared route."""
        return self._state.live(self.exported)

    async def prepare(self) -> None:
        """Begin to count: figures before a ramp are what the stable version is compared with."""
        await self._read()

    async def apply(self, release: Release) -> None:
        """Run the program with the release in its config, and put in force what it declares.

        What weight 0 would declare is known before any other weight is in force: going back waits
        for no program to run.
        """
        back = Release(release.stable, release.canary)
        with _telling():
            async with asyncio.timeout(_CHANGE_SECONDS):
                if self._way_back is None or self._way_back[0] != back:
                    declaration = await self._session.declare(self._config(back))
                    self._way_back = back, declaration, self._session.mesh_of(declaration)
                if release == back:
                    await self._session.apply(*self._way_back[1:])
                else:
                    await self._session.change(self._config(release), lasting=True)
        await self._read()

    async def promote(self, release: Release) -> None:
        """The same with the canary as the stable version; the old version's pods go last."""
        promoted = Release(release.canary, "")
        with _telling():
            async with asyncio.timeout(_CHANGE_SECONDS):
                await self._session.change(self._config(promoted), lasting=True)

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

    @property
    def _state(self) -> StackState:
        return StackState.of_declaration(self._session.declaration)

    def _config(self, release: Release) -> dict[str, str]:
        keys = self.exported.config
        return {
            keys.stable: release.stable,
            keys.canary: release.canary,
            keys.weight: str(release.weight),
            keys.mirror: str(release.mirror),
        }

    async def _read(self) -> _Reading:
        self._destinations |= self._state.destinations(self.exported)
        metrics = self._session.runtime.version_metrics
        hosts = {host for host, _ in self._destinations.values()}
        try:
            by_host = {host: await metrics(host) for host in hosts}
        except (OSError, TimeoutError, ProcessError) as error:
            raise TargetError(f"an Envoy doesn't tell its figures: {error}") from error
        versions = {
            version: by_host[host].get(subset, VersionMetrics())
            for version, (host, subset) in self._destinations.items()
        }
        reading = _Reading(asyncio.get_running_loop().time(), versions)
        self._readings = [*self._readings[-_KEPT:], reading]
        return reading

    def _before(self, moment: float) -> _Reading:
        early = [each for each in self._readings if each.at <= moment + _TOLERANCE_SECONDS]
        return early[-1] if early else self._readings[0]


@contextmanager
def _telling() -> Generator[None]:
    """Raise a TargetError for what makes a change fail."""
    try:
        yield
    except TimeoutError as error:
        raise TargetError(f"not in force within {_CHANGE_SECONDS:.0f} s") from error
    except (ProgramError, RefusedError, ProcessError) as error:
        raise TargetError(str(error)) from error


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
