"""A target in a cluster: a Pulumi stack, and what a source of metrics knows of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pulumi import automation
from pydantic import ValidationError

from petmesh.program.exported import ExportedRelease
from petmesh.ramp.control import BusyError, turn
from petmesh.ramp.engine import Detached, is_left_behind, reason_of
from petmesh.ramp.kept import Kept, keeping, now, previous_of, way_back
from petmesh.ramp.measurements import Figures, Observation, attribute_unrouted
from petmesh.ramp.source import MetricsSource
from petmesh.ramp.stack_state import Exported, StackState, config_of, workload_of
from petmesh.ramp.target import Observations, Release, Releases, TargetError
from petmesh.ramp.updates import Step, names_of, pending

# An update of another ramp, such as its promotion, may take as long as the engine is given.
_LOCK_SECONDS = 600.0
_LOCK_POLL_SECONDS = 0.5
_NOTHING_KEPT: Mapping[str, str] = MappingProxyType({})


_T = TypeVar("_T")


def _to_nobody(_: str) -> None:
    """Tell nobody."""


class _Wait:
    """Waits for other updates of a stack, and tells so once."""

    def __init__(
        self, stack: str, seconds: float, engine: Detached | None, tell: Callable[[str], None]
    ) -> None:
        self._text = f"stack {stack}: waits for another update, {seconds:g} s at most"
        self._deadline = time.monotonic() + seconds
        self._engine = engine
        self._tell = tell
        self._told = False

    def __call__(self) -> bool:
        """Wait for a moment, and return whether it may be tried again."""
        if time.monotonic() > self._deadline or (self._engine and self._engine.interrupted):
            return False
        if not self._told:
            self._told = True
            self._tell(self._text)
        time.sleep(_LOCK_POLL_SECONDS)
        return True


class ClusterTarget:
    """A stack that the Pulumi engine applies.

    A change of the weights is an update with the routes as its only targets: the engine neither
    compares nor waits for anything else, so that a step takes as long as they do, a rollback is
    held up by nothing, and a change that lies ready in the program can't slip in. A step creates
    nothing, so that no resource comes about that the guard-rails of `make up` didn't see; going
    back brings nothing back but the stable version.

    Args:
        stack: selected already.
        source: where the figures come from.
        service, group: what is ramped, as `StackState.exported` takes it.

    Attributes:
        lock_seconds: how long another update of the stack is waited for.
        turns: a file that the ramps of a stack lock in turn while they change its config and update
            it, so that none undoes what another wrote; None for no such file.
        tell: is told what is waited for.
    """

    def __init__(
        self, stack: automation.Stack, source: MetricsSource, service: str = "", group: str = ""
    ) -> None:
        self._stack = stack
        self._source = source
        self._service, self._group = service, group
        self.turns: Path | None = None
        self.tell: Callable[[str], None] = _to_nobody
        self.lock_seconds = _LOCK_SECONDS
        self._known: Exported = {}
        self._last: Releases = {}

    async def services(self) -> Sequence[str]:
        """The names of the services that are ramped, in the output `releases`."""
        return [*await self._exported()]

    async def releases(self) -> Releases:
        """Who gets which requests, by the routes in the stack's state."""
        self._last = await self._run(self._live)
        return self._last

    async def kept(self) -> Mapping[str, Kept]:
        """The version of each service that a promotion kept and that runs, where there is one."""

        def look() -> Mapping[str, Kept]:
            state, exported = self._look()
            found: dict[str, Kept] = {}
            for service, each in exported.items():
                if version := previous_of(state, each, state.release(each)):
                    found[service] = Kept(version, self._configured(each.config.previous_until))
            return found

        return await self._run(look)

    async def url(self) -> str:
        """The stack's output `url`; empty where it has none."""
        outputs = await self._run(self._stack.outputs)
        return str(outputs["url"].value) if "url" in outputs else ""

    async def prepare(self) -> None:
        """See that the stack is as its program says, so that a promotion applies nothing else.

        Another service's release may be under way, from another checkout too, whose file of the
        stack has other values: what is of it is left alone.
        """

        def look() -> list[Step]:
            state, exported = self._look()
            others = _others(state, exported)
            return [each for each in pending(self._stack) if not each.is_of(others)]

        if changes := await self._run(look, in_turn=True):
            raise TargetError(f"the program has changes that aren't applied: {names_of(changes)}")

    async def apply(self, releases: Releases) -> None:
        """Set the config and update the routes, all of them in one update.

        A weight needs both versions to run: where one doesn't, it is refused. Going back takes a
        canary that doesn't run out of the config and the route, since the engine updates no route
        alone that comes after a workload which isn't there; a stable version that doesn't run, as
        after half a promotion, is started before, from its own resources alone.
        """

        def change() -> None:
            state, exported = self._look()
            wanted = releases
            if any(each.is_raised for each in releases.values()):
                self._refuse_foreign(state.live(exported), releases)
                self._refuse_missing(state, exported, releases)
            else:
                wanted = {
                    service: each
                    if state.runs(exported[service], each.canary)
                    else Release(each.stable, "")
                    for service, each in releases.items()
                }
            self._configure(exported, wanted)
            routes = [each.urn for service in wanted for each in exported[service].routes]
            missing = self._missing(state, exported, wanted)
            self._stack.up(target=[*routes, *missing], color="never")
            self._last = wanted

        await self._run(change, in_turn=True)

    async def promote(self, releases: Releases) -> None:
        """Make the canaries the stable versions in one update.

        The program moves the routes before it removes the old versions, or keeps them. What is of
        another service's release is left as it is. The update is refused where it would change
        anything besides.
        """
        promoted = {service: each.promoted for service, each in releases.items()}

        def change() -> None:
            state, exported = self._look()
            live = state.live(exported)
            self._refuse_foreign(live, promoted)
            others = _others(state, exported)
            kept = keeping(exported, releases, now())
            routes = {each.urn for service in releases for each in exported[service].routes}
            try:
                self._configure(exported, promoted, kept.values)
                changes = [
                    each
                    for each in pending(self._stack)
                    if not each.is_of_promotion(routes, kept.ends)
                ]
            except Exception:
                self._begin()
                self._configure(exported, live, kept.before)
                raise
            more = [each for each in changes if not each.is_of(others)]
            if more:
                self._configure(exported, live, kept.before)
                raise TargetError(f"a promotion would change more: {names_of(more)}")
            left = {each.urn for each in changes}
            if left:
                # With their routes, which come after their workloads. Else they aren't left alone:
                # the engine deletes no workload that came before what it leaves alone.
                left |= {route.urn for each in others.values() for route in each.routes}
            self._stack.up(exclude=sorted(left) or None, color="never")
            # Empty, they mean the same, and are gone from the stack's file.
            canaries = [exported[service].config.canary for service in releases]
            for key in (*canaries, *(key for key, value in kept.values.items() if not value)):
                self._stack.remove_config(key, path=True)

        await self._run(change, in_turn=True)

    async def restore(self) -> Releases:
        """Make the versions that were kept the stable ones again, and keep those that they leave.

        The routes alone change: both versions run before and after it.

        Returns:
            Who gets which requests now.

        Raises:
            TargetError: a service has no version that was kept.
        """

        def change() -> Releases:
            state, exported = self._look()
            live, wanted, kept = state.live(exported), dict[str, Release](), dict[str, str]()
            for service, each in exported.items():
                if not (previous := previous_of(state, each, live[service])):
                    raise TargetError(
                        f"stack {self._stack.name}: there is no canary of {service} to roll back, "
                        f"and no previous version that runs: {live[service]}"
                    )
                wanted[service] = Release(previous, "")
                kept |= way_back(each, live[service], now())
            self._configure(exported, wanted, kept)
            routes = [route.urn for each in exported.values() for route in each.routes]
            self._stack.up(target=routes, color="never")
            self._last = wanted
            return wanted

        return await self._run(change, in_turn=True)

    def interrupt(self) -> None:
        """Interrupt the engine; a lock that it leaves is taken away by the next change."""
        command = self._stack.workspace.pulumi_command
        if isinstance(command, Detached):
            command.interrupt()

    @property
    def looks_before(self) -> int:
        """As the source has it."""
        return self._source.looks_before

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """What the source knows of the last so many seconds."""
        exported = await self._exported()
        seen = await asyncio.gather(
            *(self._seen(exported[service], each, seconds) for service, each in releases.items())
        )
        return dict(zip(releases, seen, strict=True))

    async def _seen(
        self, exported: ExportedRelease, release: Release, seconds: float
    ) -> Observation:
        def figures(version: str) -> Awaitable[Figures]:
            workload = workload_of(exported, version)
            return self._source.figures(workload, exported.namespace, version, seconds)

        stable, canary, lost = await asyncio.gather(
            figures(release.stable),
            figures(release.canary),
            self._source.lost(exported.service, exported.namespace, seconds),
        )
        try:
            stable, canary = attribute_unrouted(stable, canary, lost, release.weight)
        except ValidationError as error:
            raise TargetError("the figures of the metrics source add up to no number") from error
        return Observation(seconds=seconds, stable=stable, canary=canary)

    async def close(self) -> None:
        """Close the connections to the source."""
        await self._source.close()

    def _refuse_foreign(self, live: Releases, wanted: Releases) -> None:
        """Raise nothing further that isn't as it was seen or set last; going back asks nothing.

        What is wanted may be live: an update that a killed ramp began goes on to its end.
        """
        for service, last in self._last.items():
            if live[service] not in (last, wanted[service]):
                of = f" of {service}" if len(live) > 1 else ""
                raise TargetError(
                    f"somebody else changed the weight{of}: it is {live[service]} now, not {last}"
                )

    def _refuse_missing(self, state: StackState, exported: Exported, wanted: Releases) -> None:
        """Give no weight to a version that isn't there: to create it is for an up to do."""
        for service, each in wanted.items():
            for version in (each.stable, each.canary):
                if not state.runs(exported[service], version):
                    raise TargetError(
                        f"stack {self._stack.name}: {service} {version} has no Deployment in "
                        "its state: run make up first"
                    )

    def _missing(self, state: StackState, exported: Exported, wanted: Releases) -> list[str]:
        """The URNs of what an update would create for the stable versions that don't run."""
        workloads = [
            workload_of(exported[service], each.stable)
            for service, each in wanted.items()
            if not state.runs(exported[service], each.stable)
        ]
        changes = pending(self._stack) if workloads else []
        return [each.urn for each in changes if any(map(each.belongs_to, workloads))]

    async def _exported(self) -> Exported:
        """The releases as they were seen last: a look at the figures runs no command."""
        return self._known or (await self._run(self._look))[1]

    def _configure(
        self, exported: Exported, releases: Releases, kept: Mapping[str, str] = _NOTHING_KEPT
    ) -> None:
        """Write the releases, and what is kept beside them, into the config in one step."""
        values = dict(kept)
        for service, each in releases.items():
            values |= config_of(exported[service], each)
        self._stack.set_all_config(
            {key: automation.ConfigValue(value) for key, value in values.items()}, path=True
        )

    def _configured(self, key: str) -> str:
        """A value in the config; empty for none. An output is as old as the last whole update."""
        try:
            return self._stack.get_config(key, path=True).value if key else ""
        except automation.CommandError:
            return ""

    def _look(self) -> tuple[StackState, Exported]:
        """The stack's state, and the releases in it."""
        deployment = self._stack.export_stack().deployment or {}
        state = StackState.of_deployment(self._stack.name, deployment)
        self._known = state.exported(self._service, self._group)
        return state, self._known

    def _live(self) -> Releases:
        state, exported = self._look()
        return state.live(exported)

    def _begin(self) -> None:
        """Begin a change: no interrupt of one before concerns its commands."""
        command = self._stack.workspace.pulumi_command
        if isinstance(command, Detached):
            command.interrupted = False

    async def _run(self, work: Callable[[], _T], *, in_turn: bool = False) -> _T:
        """Let the engine work, once no other update has the stack.

        A lock that a killed process left is taken away. An update that still runs, such as one of
        another service's ramp or of a ramp that was killed, is waited for, and that is told.
        """
        self._begin()
        name = self._stack.name
        command = self._stack.workspace.pulumi_command
        detached = command if isinstance(command, Detached) else None
        wait = _Wait(name, self.lock_seconds, detached, self.tell)

        def unlocked() -> _T:
            cancelled = False
            while True:
                try:
                    return work()
                except automation.ConcurrentUpdateError as error:
                    killed = detached is not None and detached.killed
                    if not cancelled and is_left_behind(error, killed=killed):
                        cancelled = True
                        # It may be gone by itself meanwhile: Pulumi Cloud's runs out.
                        with suppress(automation.CommandError):
                            self._stack.cancel()
                            if detached:
                                detached.killed = False
                    elif not wait():
                        raise

        def in_its_turn() -> _T:
            with turn(self.turns if in_turn else None, wait):
                return unlocked()

        try:
            return await asyncio.to_thread(in_its_turn)
        except (automation.ConcurrentUpdateError, BusyError) as error:
            raise TargetError(f"stack {name}: another update is under way") from error
        except automation.CommandError as error:
            raise TargetError(f"stack {name}: {reason_of(error)}") from error


def _others(state: StackState, exported: Exported) -> Exported:
    """The releases of a stack that aren't ramped here."""
    return {service: each for service, each in state.every().items() if service not in exported}
