"""What objects say that no proxy of a rehearsal applies."""

from collections.abc import Iterator, Sequence
from typing import Final

from petmesh.mesh.istio.security import AuthorizationPolicy, RequestAuthentication
from petmesh.mesh.istio.telemetry import Telemetry

_NO_LOGS: Final = "no other log than the proxies' own is collected here"
_NO_WAYPOINT: Final = "it is a waypoint's to apply, and none runs here"
_NO_DRY_RUN: Final = "it denies nothing in a cluster either: what it would is only logged"
_NO_AUDIT: Final = "nothing is audited here; it lets requests pass in a cluster too"


def unapplied(
    telemetries: Sequence[Telemetry],
    policies: Sequence[AuthorizationPolicy],
    authentications: Sequence[RequestAuthentication],
) -> Iterator[tuple[str, str, str]]:
    """Yield what isn't applied, the reason, and the object."""
    for telemetry in telemetries:
        label = f"{telemetry.metadata.namespace}/{telemetry.metadata.name}"
        for log in telemetry.spec.access_logging:
            if not log.is_local:
                names = ", ".join(provider.name for provider in log.providers)
                yield f"Telemetry: access log of {names}", _NO_LOGS, label
    for each in (*policies, *authentications, *telemetries):
        label = f"{each.metadata.namespace}/{each.metadata.name}"
        kind = type(each).__name__
        for target in each.spec.targets:
            if target.kind != "Gateway":
                yield f"{kind}: spec.targetRefs of a {target.kind}", _NO_WAYPOINT, label
    for policy in policies:
        if policy.spec.action == "AUDIT":
            label = f"{policy.metadata.namespace}/{policy.metadata.name}"
            yield "AuthorizationPolicy: spec.action = AUDIT", _NO_AUDIT, label
        if policy.is_dry_run:
            label = f"{policy.metadata.namespace}/{policy.metadata.name}"
            yield "AuthorizationPolicy: dry run", _NO_DRY_RUN, label
