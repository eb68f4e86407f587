"""Who alone may call a service, and whom it may call: the mesh's policies and the network's."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from apps.arguments import pods
from apps.catalog import Service
from istio.destinations import cluster_host
from istio.network import XDS, NetworkPeer, allow_traffic
from istio.pods import WorkloadPods
from istio.security import allow_callers
from istio.sidecar_scope import sidecar_scope


@dataclass(frozen=True)
class PoliciesArgs:
    """A service's neighbours.

    Attributes:
        service: Its entry.
        namespace: Its namespace, labelled for injection.
        callers: The pods that may call it.
        calls: The services that it calls.
        hosts: Hosts besides those of the services that it calls, as namespace/name.
        peers: What it connects to for these.
        scrapers: What scrapes its metrics.
        needs: Resources that the policies are created after: the namespace.
    """

    service: Service
    namespace: str
    callers: Sequence[WorkloadPods]
    calls: Sequence[Service]
    hosts: Sequence[str]
    peers: Sequence[NetworkPeer]
    scrapers: Sequence[NetworkPeer]
    needs: Sequence[pulumi.Resource]


class ServicePolicies(pulumi.ComponentResource):
    """A service's AuthorizationPolicy, Sidecar and NetworkPolicy.

    Attributes:
        policy: The AuthorizationPolicy of its callers.
        traffic: The NetworkPolicy of its pods.
        ready: What its pods are created after: created earlier, one would run without them.
    """

    def __init__(
        self, name: str, args: PoliciesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:apps:ServicePolicies", name, None, opts)
        service, namespace = args.service, args.namespace
        own = pods(service, namespace)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        operation = {"methods": service.entry.methods, "paths": service.entry.paths}
        self.policy: pulumi.Resource = allow_callers(
            service.name, own, args.callers, operation, child
        )
        # Its own host too: only with it do its DestinationRule's limits hold for the calls it gets.
        known = (f"./{cluster_host(each.name, namespace)}" for each in (service, *args.calls))
        scope = sidecar_scope(namespace, [*known, *args.hosts], child, service.name)
        self.traffic: pulumi.Resource = allow_traffic(
            own,
            [*(NetworkPeer.of(each, service.port) for each in args.callers), *args.scrapers],
            [
                XDS,
                *(NetworkPeer.of(pods(each, namespace), each.port) for each in args.calls),
                *args.peers,
            ],
            child,
        )
        self.ready: Sequence[pulumi.Resource] = [self.policy, scope, self.traffic]
        self.register_outputs({})
