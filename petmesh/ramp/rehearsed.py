"""A target on this machine: the rehearsal's mesh, and what its Envoys count."""

import asyncio
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.ramp.kept import keeping, now
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.stack_state import Exported, StackState, config_of, workload_of
from petmesh.ramp.target import Observations, Releases, TargetError
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

_KEPT = 1000
_CHANGE_SECONDS = 60.0
# A window may begin this much earlier than asked for: at the reading that began a step.
_TOLERANCE_SECONDS = 0.25


# By service and version.
_Counted = Mapping[str, Mapping[str, VersionMetrics]]


@dataclass(frozen=True)
class _Reading:
    at: float
    versions: _Counted


class RehearsalTarget:
    """A session of the rehearsal.

    Figures are of tries, not of requests: the mesh asks again where a try fails, which hides most
    errors of a bad version from its callers. A request that was tried three times and then answered
    counts as three, two of them errors.

    Args:
        session: the stack's mesh.
        service, group: what is ramped, as `StackState.exported` takes it.
    """

    looks_before = 120

    def __init__(self, session: Session, service: str = "", group: str = "") -> None:
        self._session = session
        self._service, self._group = service, group
        self._readings: list[_Reading] = []
        self._destinations: dict[str, dict[str, tuple[str, str]]] = {}
        self._way_back: tuple[Releases, Declaration, Mesh] | None = None

    async def start(self, given: Collection[str] = ()) -> None:
        """Start the session, the canaries at weight 0.

        Args:
            given: the config keys that aren't to be changed.

        Raises:
            TargetError: there is no such service, or it has no canary.
            ProgramError, RefusedError, ProcessError: the mesh can't be started.
        """
        declared = StackState.of_declaration(await self._session.declare({}))
        zero: dict[str, str] = {}
        for service, exported in declared.exported(self._service, self._group).items():
            keys = exported.config
            if not declared.release(exported).canary:
                raise TargetError(
                    f"stack {declared.stack}: {service} has no canary: "
                    f"give --config {keys.canary}=VERSION"
                )
            zero |= {key: "0" for key in (keys.weight, keys.mirror) if key not in given}
        self._session.overrides |= zero
        await self._session.start()

    async def adjust(self, service: str, environment: Mapping[str, str]) -> None:
        """Give the pods of a service's canary further variables, such as faults.

        Raises:
            ProcessError: a process failed.
        """
        exported = self._exported[service]
        workload = workload_of(exported, self._state.release(exported).canary)
        await self._session.runtime.adjust(workload, environment=environment)

    async def releases(self) -> Releases:
        """Who gets which requests now, by the declared routes."""
        return self._state.live(self._exported)

    async def prepare(self) -> None:
        """Begin to count: figures before a ramp are what the stable version is compared with."""
        await self._read()

    async def apply(self, releases: Releases) -> None:
        """Run the program with the releases in its config, and put in force what it declares.

        What weight 0 would declare is known before any other weight is in force: going back waits
        for no program to run.
        """
        back = {service: each.at_zero for service, each in releases.items()}
        with _telling():
            async with asyncio.timeout(_CHANGE_SECONDS):
                if self._way_back is None or self._way_back[0] != back:
                    declaration = await self._session.declare(self._config(back))
                    self._way_back = back, declaration, self._session.mesh_of(declaration)
                if releases == back:
                    await self._session.apply(*self._way_back[1:])
                else:
                    await self._session.change(self._config(releases), lasting=True)
        await self._read()

    async def promote(self, releases: Releases) -> None:
        """The same with the canaries as the stable versions; the old versions' pods go last."""
        promoted = {service: each.promoted for service, each in releases.items()}
        kept = keeping(self._exported, releases, now()).values
        with _telling():
            async with asyncio.timeout(_CHANGE_SECONDS):
                await self._session.change({**self._config(promoted), **kept}, lasting=True)

    def interrupt(self) -> None:
        """Nothing: a change here takes a moment."""

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """What the callers' Envoys counted since the latest reading that is so long ago."""
        last = await self._read()
        first = self._before(last.at - seconds)
        return {
            service: Observation(
                seconds=last.at - first.at,
                stable=_figures(first, last, service, each.stable),
                canary=_figures(first, last, service, each.canary),
            )
            for service, each in releases.items()
        }

    async def close(self) -> None:
        """Nothing: the session is its owner's."""

    @property
    def _state(self) -> StackState:
        return StackState.of_declaration(self._session.declaration)

    @property
    def _exported(self) -> Exported:
        return self._state.exported(self._service, self._group)

    def _config(self, releases: Releases) -> dict[str, str]:
        exported = self._exported
        return {
            key: value
            for service, each in releases.items()
            for key, value in config_of(exported[service], each).items()
        }

    async def _read(self) -> _Reading:
        state = self._state
        for service, exported in self._exported.items():
            self._destinations.setdefault(service, {}).update(state.destinations(exported))
        hosts = {host for each in self._destinations.values() for host, _ in each.values()}
        metrics = self._session.runtime.version_metrics
        try:
            counted = {host: await metrics(host) for host in hosts}
        except (OSError, TimeoutError, ProcessError) as error:
            raise TargetError(f"an Envoy doesn't tell its figures: {error}") from error
        versions = {
            service: {
                version: counted[host].get(subset, VersionMetrics())
                for version, (host, subset) in each.items()
            }
            for service, each in self._destinations.items()
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


def _figures(first: _Reading, last: _Reading, service: str, version: str) -> Figures:
    late, early = (
        each.versions.get(service, {}).get(version, VersionMetrics()) for each in (last, first)
    )
    counted = late.since(early)
    # A caller's Envoy that was replaced meanwhile counts from 0 again.
    requests = max(0, counted.requests + counted.retries)
    within = {bound: max(0, count) for bound, count in counted.latency.items()}
    return Figures(
        requests=requests,
        errors=min(requests, max(0, counted.errors + counted.retries)),
        answers=max(within.values(), default=0),
        within=within,
    )
