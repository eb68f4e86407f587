"""A target in a cluster: a Pulumi stack, and what a source of metrics knows of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType
from pydantic import ValidationError

from petmesh.project import project
from petmesh.ramp.engine import Detached, is_left_behind, reason_of
from petmesh.ramp.measurements import Figures, Observation, attribute_unrouted
from petmesh.ramp.plain import plain
from petmesh.ramp.source import MetricsSource
from petmesh.ramp.target import Release, TargetError

_SERVICE = project().service
_ROUTE = ("VirtualService", f"{_SERVICE}-route")
_UNKNOWN_ROUTE = f"the route {_ROUTE[1]} in the state is not the program's"
_LOCK_SECONDS = 60.0
_LOCK_POLL_SECONDS = 0.5
_UNCHANGED = (OpType.SAME, OpType.READ, OpType.REFRESH)


_T = TypeVar("_T")


@dataclass(frozen=True)
class _Step:
    """Something that an update does to a resource."""

    op: str
    type: str
    urn: str

    @property
    def name(self) -> str:
        """What the program calls it."""
        return self.urn.rpartition("::")[2]

    def belongs_to(self, version: str) -> bool:
        """Whether it is of a version's workload: its pods, autoscaler, budget, image, ..."""
        workload = project().workload(version)
        return self.name == workload or self.name.startswith(f"{workload}-")

    def __str__(self) -> str:
        return f"{self.type.rpartition(':')[2]} {self.name}"


@dataclass(frozen=True)
class _State:
    """A stack's resources by URN, as they were applied last."""

    stack: str
    resources: Mapping[str, Any]

    def route(self) -> Mapping[str, Any]:
        """The route between the versions.

        Raises:
            TargetError: There is none, or another service has the config keys of a ramp.
        """
        if self._weight_key() not in ("", "canaryWeight"):
            raise TargetError(
                f"stack {self.stack}: canaryService is another service than {_SERVICE}, which "
                "petmesh.yaml names as the one that is ramped"
            )
        for urn, resource in self.resources.items():
            if (resource["type"].rpartition(":")[2], urn.rpartition("::")[2]) == _ROUTE:
                return resource
        raise TargetError(f"stack {self.stack}: it has no route of {_SERVICE}; run make up first")

    def _weight_key(self) -> str:
        """The config key of the service's weight, by the stack's output `releases`; or empty."""
        for resource in self.resources.values():
            match resource:
                case {
                    "type": "pulumi:pulumi:Stack",
                    "outputs": {"releases": {**releases}},
                }:
                    match releases.get(_SERVICE):
                        case {"config": {"weight": str(key)}}:
                            return key
                        case _:
                            return ""
                case _:
                    pass
        return ""

    def runs(self, version: str) -> bool:
        """Whether a version has a workload."""
        name = f"{project().workload(version)}-deployment"
        return any(urn.rpartition("::")[2] == name for urn in self.resources)


class ClusterTarget:
    """A stack that the Pulumi engine applies.

    A change of the weight is an update with the route as its only target: the engine neither
    compares nor waits for anything else, so that a step takes as long as one resource, a rollback
    is held up by nothing, and a change that lies ready in the program can't slip in. A step creates
    nothing, so that no resource comes about that the guard-rails of `make up` didn't see; going
    back brings nothing back but the stable version.

    Args:
        stack: selected already.
        source: where the figures come from.

    Attributes:
        lock_seconds: how long another update of the stack is waited for.
    """

    def __init__(self, stack: automation.Stack, source: MetricsSource) -> None:
        self._stack = stack
        self._source = source
        self.lock_seconds = _LOCK_SECONDS
        self._known_namespace = ""
        self._last: Release | None = None

    async def release(self) -> Release:
        """Who gets which requests, by the route in the stack's state."""
        route = (await self._run(self._state)).route()
        self._known_namespace = _namespace(route)
        self._last = _release(route)
        return self._last

    async def url(self) -> str:
        """The stack's output `url`; empty where it has none."""
        outputs = await self._run(self._stack.outputs)
        return str(outputs["url"].value) if "url" in outputs else ""

    async def prepare(self) -> None:
        """See that the stack is as its program says, so that a promotion applies nothing else."""
        others = await self._run(self._pending)
        if others:
            raise TargetError(f"the program has changes that aren't applied: {_names(others)}")

    async def apply(self, release: Release) -> None:
        """Set the config and update the route.

        A weight needs both versions to run: where one doesn't, it is refused. Going back takes a
        canary that doesn't run out of the config and the route, since the engine updates no route
        alone that comes after a workload which isn't there; a stable version that doesn't run, as
        after half a promotion, is started before, from its own resources alone.
        """

        def change() -> None:
            state = self._state()
            route = state.route()["urn"]
            wanted = release
            if release.weight or release.mirror:
                self._refuse_foreign(_release(state.route()), release)
                self._refuse_missing(state, release)
            elif not state.runs(release.canary):
                wanted = Release(release.stable, "")
            self._configure(wanted)
            missing = [] if state.runs(wanted.stable) else self._resources_of(wanted.stable)
            self._stack.up(target=[route, *missing], color="never")
            self._last = wanted

        await self._run(change)

    async def promote(self, release: Release) -> None:
        """Make the canary the stable version in one update.

        The program moves the route before it removes the old version. The update is refused where
        it would change anything besides.
        """
        promoted = Release(release.canary, "")

        def change() -> None:
            live = _release(self._state().route())
            self._refuse_foreign(live, promoted)
            old = release.stable
            try:
                self._configure(promoted)
                others = [each for each in self._pending() if not _belongs_to_promotion(each, old)]
            except Exception:
                self._begin()
                self._configure(live)
                raise
            if others:
                self._configure(live)
                raise TargetError(f"a promotion would change more: {_names(others)}")
            self._stack.up(color="never")
            # Empty, it means the same, and is gone from the stack's file.
            self._stack.remove_config("canaryVersion")

        await self._run(change)

    def interrupt(self) -> None:
        """Interrupt the engine; a lock that it leaves is taken away by the next change."""
        command = self._stack.workspace.pulumi_command
        if isinstance(command, Detached):
            command.interrupt()

    async def observe(self, release: Release, seconds: float) -> Observation:
        """What the source knows of the last so many seconds."""
        namespace = await self._namespace()

        def figures(version: str) -> Awaitable[Figures]:
            workload = project().workload(version)
            return self._source.figures(workload, namespace, version, seconds)

        stable, canary, lost = await asyncio.gather(
            figures(release.stable),
            figures(release.canary),
            self._source.lost(_SERVICE, namespace, seconds),
        )
        try:
            stable, canary = attribute_unrouted(stable, canary, lost, release.weight)
        except ValidationError as error:
            raise TargetError("the figures of the metrics source add up to no number") from error
        return Observation(seconds=seconds, stable=stable, canary=canary)

    async def close(self) -> None:
        """Close the connections to the source."""
        await self._source.close()

    def _refuse_foreign(self, live: Release, wanted: Release) -> None:
        """Raise nothing further that isn't as it was seen or set last; going back asks nothing.

        What is wanted may be live: an update that a killed ramp began goes on to its end.
        """
        if self._last is not None and live not in (self._last, wanted):
            raise TargetError(
                f"somebody else changed the weight: it is {live} now, not {self._last}"
            )

    def _refuse_missing(self, state: "_State", wanted: Release) -> None:
        """Give no weight to a version that isn't there: to create it is for an up to do."""
        for version in (wanted.stable, wanted.canary):
            if not state.runs(version):
                raise TargetError(
                    f"stack {self._stack.name}: {_SERVICE} {version} has no Deployment in "
                    "its state: run make up first"
                )

    def _resources_of(self, version: str) -> list[str]:
        """The URNs of what an update would create for a version."""
        return [step.urn for step in self._pending() if step.belongs_to(version)]

    async def _namespace(self) -> str:
        if not self._known_namespace:
            self._known_namespace = _namespace((await self._run(self._state)).route())
        return self._known_namespace

    def _configure(self, release: Release) -> None:
        """Write all of the release into the stack's config in one step."""
        values = {
            "stableVersion": release.stable,
            "canaryVersion": release.canary,
            "canaryWeight": str(release.weight),
            "canaryMirrorPercent": str(release.mirror),
        }
        self._stack.set_all_config(
            {key: automation.ConfigValue(value) for key, value in values.items()}
        )

    def _state(self) -> "_State":
        deployment = self._stack.export_stack().deployment or {}
        return _State(
            self._stack.name, {each["urn"]: each for each in deployment.get("resources", [])}
        )

    def _pending(self) -> list["_Step"]:
        """What an update would do."""
        steps: list[_Step] = []

        def take(event: EngineEvent) -> None:
            if event.resource_pre_event:
                step = event.resource_pre_event.metadata
                if step.op not in _UNCHANGED:
                    steps.append(_Step(step.op.value, step.type, step.urn))

        self._stack.preview(on_event=take, color="never")
        return steps

    def _begin(self) -> None:
        """Begin a change: no interrupt of one before concerns its commands."""
        command = self._stack.workspace.pulumi_command
        if isinstance(command, Detached):
            command.interrupted = False

    async def _run(self, work: Callable[[], _T]) -> _T:
        """Let the engine work, once no other update has the stack.

        A lock that a killed process left is taken away. An update that still runs, such as one of
        a ramp that was killed, is waited for.
        """
        self._begin()
        command = self._stack.workspace.pulumi_command
        detached = command if isinstance(command, Detached) else None

        def unlocked() -> _T:
            deadline = time.monotonic() + self.lock_seconds
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
                    elif time.monotonic() > deadline or (detached and detached.interrupted):
                        raise
                    else:
                        time.sleep(_LOCK_POLL_SECONDS)

        try:
            return await asyncio.to_thread(unlocked)
        except automation.ConcurrentUpdateError as error:
            raise TargetError(f"stack {self._stack.name}: another update is under way") from error
        except automation.CommandError as error:
            raise TargetError(f"stack {self._stack.name}: {reason_of(error)}") from error


def _release(route: Mapping[str, Any]) -> Release:
    """What a route says; the canary is the version that the testers get.

    Raises:
        TargetError: it isn't as this program declares it.
    """
    try:
        rules = {rule["name"]: rule for rule in route["inputs"]["spec"]["http"]}
        weighted = rules["weighted"]
        weights = {
            plain(each["destination"]["subset"]): int(each["weight"]) for each in weighted["route"]
        }
        testers = rules.get("testers")
        canary = plain(testers["route"][0]["destination"]["subset"]) if testers else ""
        [stable] = [version for version in weights if version != canary]
        mirrored = int(weighted.get("mirrorPercentage", {}).get("value", 0))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(f"{_UNKNOWN_ROUTE}: it has no two versions with weights") from error
    return Release(stable, canary, weights.get(canary, 0), mirrored)


def _namespace(route: Mapping[str, Any]) -> str:
    try:
        return route["inputs"]["metadata"]["namespace"]
    except (LookupError, TypeError) as error:
        raise TargetError(f"{_UNKNOWN_ROUTE}: it has no namespace") from error


def _belongs_to_promotion(step: _Step, old: str) -> bool:
    moves_route = (step.type.rpartition(":")[2], step.name) == _ROUTE and step.op == "update"
    return moves_route or (step.op == "delete" and step.belongs_to(old))


def _names(steps: Iterable[_Step]) -> str:
    return ", ".join(dict.fromkeys(map(str, steps)))
