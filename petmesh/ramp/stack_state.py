"""A stack's releases: the output `releases`, and what the routes that it names say."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from petmesh.envoy.names import full_host
from petmesh.program.declaration import STACK_TYPE, Declaration
from petmesh.program.exported import (
    NAME,
    OUTPUT,
    ExportedRelease,
    ExportError,
    ReleaseRoute,
    read_groups,
    read_releases,
)
from petmesh.program.plain import plain
from petmesh.ramp.target import Release, Releases, TargetError, UsageError

_KIND: Final = "VirtualService"
_T = TypeVar("_T")


Exported = Mapping[str, ExportedRelease]


def check_service(name: str) -> None:
    """Raise a UsageError where --service can't be the name of a service."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--service = {name}: must be a service's name, such as petservice")


def check_group(text: str) -> None:
    """Raise a UsageError where --group can't name a group or list its services."""
    names = text.split(",")
    if len({*names}) < len(names) or not all(map(NAME.fullmatch, names)):
        raise UsageError(
            f"--group = {text}: must be a group's name, or different services in order, "
            "such as petdetailsservice,petservice"
        )


@dataclass(frozen=True)
class StackState:
    """A stack as it was applied last, or as it is declared.

    Attributes:
        stack: its name.
        resources: the resources by URN, each with its type, inputs and dependencies.
        outputs: the stack's outputs; None where it has none yet.
    """

    stack: str
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Any] | None = field(default=None)

    @classmethod
    def of_deployment(cls, stack: str, deployment: Mapping[str, Any]) -> "StackState":
        """A stack by the state that the engine exports."""
        resources = {each["urn"]: each for each in deployment.get("resources", [])}
        roots = [each for each in resources.values() if each.get("type") == STACK_TYPE]
        return cls(stack, resources, roots[0].get("outputs") if roots else None)

    @classmethod
    def of_declaration(cls, declaration: Declaration) -> "StackState":
        """A stack by what its program declares."""
        resources = {
            each.urn: {
                "type": each.type,
                "inputs": each.inputs,
                "dependencies": each.dependencies,
            }
            for each in declaration.resources
        }
        return cls(declaration.stack, resources, declaration.outputs)

    def exported(self, service: str = "", group: str = "") -> Exported:
        """What is ramped, of the output `releases`, by service and in order.

        Args:
            service: a service's name; empty for the only one, or the only one whose weight is a
                config key of its own, such as canaryWeight.
            group: the name of a group in the output `releaseGroups`, or its services, joined by
                commas; empty for the single service.

        Raises:
            UsageError: there is no such service or group, or it must be named.
            TargetError: the stack has no such output, or one of another form.
        """
        releases = self.every()
        names = ", ".join(sorted(map(plain, releases)))
        if group:
            return {name: releases[name] for name in self._members(group, releases)}
        if service:
            if service not in releases:
                raise UsageError(f"--service = {service}: must be one of {names}")
            return {service: releases[service]}
        own = [each for each in releases.values() if each.has_own_key]
        for found in (list(releases.values()), own):
            if len(found) == 1:
                check_service(found[0].service)
                return {found[0].service: found[0]}
        raise UsageError(f"--service: must be given, one of {names}")

    def _members(self, group: str, releases: Exported) -> Sequence[str]:
        groups = self._read(read_groups)
        given = group.split(",")
        members = groups.get(group, ()) if len(given) == 1 else given
        names = ", ".join(sorted(map(plain, releases)))
        if not members:
            known = "".join(f"{plain(each)} or " for each in sorted(groups))
            raise UsageError(f"--group = {group}: must be {known}services in order, of {names}")
        if len({*members}) < max(2, len(members)):
            told = plain(",".join(members))
            raise UsageError(f"--group = {group}: {told} must be two or more different services")
        for name in members:
            if name not in releases:
                raise UsageError(f"--group = {group}: {plain(name)} must be one of {names}")
        self._check_order(group, [releases[name] for name in members])
        return members

    def _check_order(self, group: str, members: Sequence[ExportedRelease]) -> None:
        """See that no service comes before one whose route is updated before its own."""
        for number, caller in enumerate(members):
            before = self._before(caller)
            for called in members[number + 1 :]:
                if before & {route.urn for route in called.routes}:
                    raise UsageError(
                        f"--group = {group}: {plain(called.service)} must come before "
                        f"{plain(caller.service)}, whose route depends on its route"
                    )

    def _before(self, exported: ExportedRelease) -> set[str]:
        """The URNs of what the routes of a release depend on, further dependencies too."""
        found, left = set[str](), [route.urn for route in exported.routes]
        while left:
            for urn in self.resources.get(left.pop(), {}).get("dependencies", ()):
                if urn not in found:
                    found.add(urn)
                    left.append(urn)
        return found

    def _route(self, exported: ExportedRelease, route: ReleaseRoute) -> Mapping[str, Any]:
        """A route of a release, as it is in the state.

        Raises:
            TargetError: it isn't there, or no VirtualService.
        """
        if route.kind != _KIND:
            raise TargetError(
                f"output releases.{exported.service}.route.kind = {route.kind}: must be {_KIND}"
            )
        if route.urn not in self.resources:
            raise TargetError(
                f"stack {self.stack}: it has no route of {exported.service}; run make up first"
            )
        return self.resources[route.urn]

    def live(self, exported: Exported) -> Releases:
        """Who gets which requests, of some services.

        Raises:
            TargetError: a route isn't as the output says.
        """
        return {service: self.release(each) for service, each in exported.items()}

    def release(self, exported: ExportedRelease) -> Release:
        """Who gets which requests; of routes that differ, the one that gives the canary most.

        The version of each destination is told by its subset or its host. Which of two is the
        canary, the output says; where that is about other versions, as after half a promotion, or
        names none, the canary comes second in the route.

        Raises:
            TargetError: the route isn't as the output says.
        """
        found = [self._release(exported, each) for each in exported.routes]
        return max(found, key=lambda each: (bool(each.canary), each.weight, each.mirror))

    def _release(self, exported: ExportedRelease, route: ReleaseRoute) -> Release:
        shares: dict[str, int] = {}
        with _reading(exported, route):
            rule = self._rule(exported, route)
            for each in rule["route"]:
                shares[_version(exported, each["destination"])] = int(each.get("weight", 0))
            stable, canary = [*shares, ""][:2] if len(shares) == 1 else list(shares)
            mirrored = int(rule.get("mirrorPercentage", {}).get("value", 0))
        if {stable, canary} == {exported.stable, exported.canary}:
            stable, canary = exported.stable, exported.canary
        return Release(stable, canary, shares.get(canary, 0), mirrored)

    def destinations(self, exported: ExportedRelease) -> Mapping[str, tuple[str, str]]:
        """The full host and the subset of each version in the route; an empty subset is none.

        Raises:
            TargetError: the route isn't as the output says.
        """
        route = exported.route
        with _reading(exported, route):
            namespace = str(self._route(exported, route)["inputs"]["metadata"]["namespace"])
            found = (each["destination"] for each in self._rule(exported, route)["route"])
            return {
                _version(exported, each): (
                    full_host(str(each["host"]), namespace),
                    str(each.get("subset", "")),
                )
                for each in found
            }

    def runs(self, exported: ExportedRelease, version: str) -> bool:
        """Whether a version has a workload."""
        for resource in self.resources.values():
            match resource:
                case {
                    "type": str(kind),
                    "inputs": {"metadata": {"name": name, "namespace": namespace}},
                } if kind.startswith("kubernetes:apps/"):
                    wanted = exported.workloads.get(version), exported.namespace
                    if (name, namespace) == wanted:
                        return True
                case _:
                    pass
        return False

    def _rule(self, exported: ExportedRelease, route: ReleaseRoute) -> Mapping[str, Any]:
        rules = self._route(exported, route)["inputs"]["spec"]["http"]
        return {rule.get("name"): rule for rule in rules}[route.http]

    def every(self) -> Exported:
        """Every entry of the output `releases`, by service.

        Raises:
            TargetError: the stack has no such output, or one of another form.
        """
        if OUTPUT not in (self.outputs or {}):
            raise TargetError(f"stack {self.stack}: it has no output {OUTPUT}; run make up first")
        releases = self._read(read_releases)
        if not releases:
            raise TargetError(
                f"stack {self.stack}: output releases is empty: it has no service to ramp"
            )
        return releases

    def _read(self, read: Callable[[Mapping[str, Any]], _T]) -> _T:
        try:
            return read(self.outputs or {})
        except ExportError as error:
            raise TargetError(f"stack {self.stack}: {error}") from error


def config_of(exported: ExportedRelease, release: Release) -> Mapping[str, str]:
    """The config values that make a release what is declared, by their paths."""
    keys = exported.config
    return {
        keys.stable: release.stable,
        keys.canary: release.canary,
        keys.weight: str(release.weight),
        keys.mirror: str(release.mirror),
    }


def workload_of(exported: ExportedRelease, version: str) -> str:
    """The name of a version's Deployment.

    Raises:
        TargetError: the output doesn't name it.
    """
    if version not in exported.workloads:
        known = ", ".join(exported.workloads) or "none"
        raise TargetError(
            f"output releases.{exported.service}.workloads: it has {known} and not {version}"
        )
    return exported.workloads[version]


@contextmanager
def _reading(exported: ExportedRelease, route: ReleaseRoute) -> Generator[None]:
    """Say whose route can't be read."""
    told = f"the route of {exported.service} in the state"
    try:
        yield
    except ExportError as error:
        raise TargetError(f"{told}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(
            f"{told} is not as output releases says: {route.http} has no two versions with weights"
        ) from error


def _version(exported: ExportedRelease, destination: Mapping[str, Any]) -> str:
    host, subset = str(destination.get("host", "")), str(destination.get("subset", ""))
    return exported.version_of(host, subset)
