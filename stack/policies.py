"""Who may call a service and whom it may call; anything else in its namespace is denied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from apps.arguments import pods
from apps.catalog import Catalog, Service
from apps.policies import PoliciesArgs, ServicePolicies
from infra.platform import Platform
from istio.egress_gateway import EGRESS, EGRESS_HOST, EGRESS_NAMESPACE, EGRESS_PORT
from istio.install import INGRESS
from istio.network import PUBLIC_TLS, NetworkPeer, default_deny
from istio.security import allow_nothing
from settings import Settings
from stack.mesh import InstalledMesh
from stack.telemetry import Telemetry


@dataclass(frozen=True)
class Policies:
    """The policies of the services' namespaces.

    Attributes:
        by_service: Each service's, by its namespace and name.
        guards: What denies anything that no other policy allows.
    """

    by_service: Mapping[tuple[str, str], ServicePolicies]
    guards: Sequence[pulumi.Resource]

    def ready(
        self, namespace: str, service: Service, called: Iterable[Service]
    ) -> Sequence[pulumi.Resource]:
        """What a service is created after: its policies, and those of the services that it calls.

        Its pods never run unguarded, and whom they call lets them in by then.
        """
        guarded = (self.by_service[namespace, each.name] for each in (service, *called))
        return [each for policies in guarded for each in policies.ready]


def protect_services(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    mesh: InstalledMesh,
    telemetry: Telemetry,
) -> Policies:
    """Declare each service's policies, and deny all other traffic and requests beside them."""
    by_service: dict[tuple[str, str], ServicePolicies] = {}
    guards: list[pulumi.Resource] = []
    for namespace, there in mesh.namespaces.items():
        own: list[ServicePolicies] = []
        for service in catalog:
            hosts, peers = _outside(settings, service)
            callers = [pods(each, namespace) for each in catalog.callers(service)]
            policies = ServicePolicies(
                f"{namespace}-{service.name}",
                PoliciesArgs(
                    service=service,
                    namespace=namespace,
                    callers=[*callers, *([INGRESS] if service.entry.public else [])],
                    calls=catalog.called(service),
                    hosts=[*hosts, *telemetry.collector_hosts],
                    peers=[*peers, *telemetry.collector_peers],
                    scrapers=telemetry.scrapers,
                    needs=[mesh.istio.ready, *there.ready],
                ),
                platform.after(),
            )
            own.append(policies)
            by_service[namespace, service.name] = policies
        guards += [
            default_deny(namespace, platform.after(*(each.traffic for each in own))),
            allow_nothing(namespace, platform.after(*(each.policy for each in own))),
        ]
    return Policies(by_service, guards)


def _outside(settings: Settings, service: Service) -> tuple[Sequence[str], Sequence[NetworkPeer]]:
    """The outside hosts that a service may call, and what it connects to for them."""
    open_hosts = [
        f"./{settings.outside[name].host}"
        for name in service.entry.outside
        if settings.outside[name].is_open
    ]
    if not open_hosts:
        return (), ()
    if settings.egress_gateway:
        gateway = NetworkPeer.of(EGRESS, EGRESS_PORT)
        return [*open_hosts, f"{EGRESS_NAMESPACE}/{EGRESS_HOST}"], [gateway]
    return open_hosts, [PUBLIC_TLS]
