"""A stack's releases by its state: the output `releases`, and what the routes in it say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from petmesh.ramp.plain import Plain, plain
from petmesh.ramp.target import Release, TargetError, UsageError

# It is the name of a folder too.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_KIND = "VirtualService"


def check_service(name: str) -> None:
    """Raise a UsageError where --service can't be the name of a service."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--service = {name}: must be a service's name, such as petservice")


class ReleaseRoute(BaseModel):
    """The VirtualService that has the weights.

    Attributes:
        urn: its URN in the stack's state.
        kind: VirtualService.
        http: the name of its HTTP route with the weights: the stable version's subset first, then
            the canary's, at weight 0 too; without a canary the stable version's alone.
    """

    model_config = ConfigDict(frozen=True)

    urn: str
    kind: str
    http: str


class ReleaseKeys(BaseModel):
    """The config keys of a release, as `pulumi config set --path` takes them."""

    model_config = ConfigDict(frozen=True)

    stable: str
    canary: str
    weight: str
    mirror: str


class ExportedRelease(BaseModel):
    """An entry of the output `releases`; what is live is in its route.

    Attributes:
        service: the Service's name.
        namespace: the namespace of the Service and its workloads.
        route: where the weights are.
        workloads: the Deployment of each version, whether it runs or not; the program's resources
            of a version have that name, or one that begins with it and a hyphen.
        config: the config keys.
    """

    model_config = ConfigDict(frozen=True)

    service: Plain
    namespace: Plain
    route: ReleaseRoute
    workloads: Mapping[str, Plain]
    config: ReleaseKeys

    def workload(self, version: str) -> str:
        """The name of a version's Deployment.

        Raises:
            TargetError: the output doesn't name it.
        """
        if version not in self.workloads:
            known = ", ".join(self.workloads) or "none"
            raise TargetError(
                f"output releases.{self.service}.workloads: it has {known} and not {version}"
            )
        return self.workloads[version]


_RELEASES = TypeAdapter(dict[str, ExportedRelease])


@dataclass(frozen=True)
class StackState:
    """A stack's resources by URN, as they were applied last."""

    stack: str
    resources: Mapping[str, Any]

    def exported(self, service: str) -> ExportedRelease:
        """A service's entry of the output `releases`.

        Args:
            service: its name; empty for the only one, or the only one whose weight is a config key
                of its own, such as canaryWeight.

        Raises:
            UsageError: there is no such service, or it must be named.
            TargetError: the stack has no such output, or one of another form.
        """
        releases = self._releases()
        if not releases:
            raise TargetError(
                f"stack {self.stack}: output releases is empty: it has no service to ramp"
            )
        names = ", ".join(sorted(map(plain, releases)))
        if service:
            if service not in releases:
                raise UsageError(f"--service = {service}: must be one of {names}")
            return releases[service]
        own = [each for each in releases.values() if not re.search(r"[.\[]", each.config.weight)]
        for found in (list(releases.values()), own):
            if len(found) == 1:
                check_service(found[0].service)
                return found[0]
        raise UsageError(f"--service: must be given, one of {names}")

    def route(self, exported: ExportedRelease) -> Mapping[str, Any]:
        """The route of a release.

        Raises:
            TargetError: it isn't there, or no VirtualService.
        """
        if exported.route.kind != _KIND:
            raise TargetError(
                f"output releases.{exported.service}.route.kind = {exported.route.kind}: "
                f"must be {_KIND}"
            )
        if exported.route.urn not in self.resources:
            raise TargetError(
                f"stack {self.stack}: it has no route of {exported.service}; run make up first"
            )
        return self.resources[exported.route.urn]

    def live(self, exported: ExportedRelease) -> Release:
        """Who gets which requests.

        Raises:
            TargetError: the route isn't as the output says.
        """
        try:
            rules = {
                rule.get("name"): rule for rule in self.route(exported)["inputs"]["spec"]["http"]
            }
            rule = rules[exported.route.http]
            shares = {
                plain(each["destination"]["subset"]): int(each.get("weight", 0))
                for each in rule["route"]
            }
            stable, canary = [*shares, ""][:2] if len(shares) == 1 else list(shares)
            mirrored = int(rule.get("mirrorPercentage", {}).get("value", 0))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise TargetError(
                f"the route of {exported.service} in the state is not as output releases says: "
                f"{exported.route.http} has no two versions with weights"
            ) from error
        return Release(stable, canary, shares.get(canary, 0), mirrored)

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

    def _releases(self) -> Mapping[str, ExportedRelease]:
        for resource in self.resources.values():
            match resource:
                case {"type": "pulumi:pulumi:Stack", "outputs": {"releases": releases}}:
                    break
                case _:
                    pass
        else:
            raise TargetError(f"stack {self.stack}: it has no output releases; run make up first")
        try:
            return _RELEASES.validate_python(releases)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, ("releases", *first["loc"])))
            raise TargetError(f"stack {self.stack}: output {key}: {first['msg']}") from error
