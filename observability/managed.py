"""Google Cloud Managed Service for Prometheus: what it collects of the mesh, and its alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.network import SYSTEM_NAMESPACE
from observability.alerts import rule_groups

MONITORING = "monitoring.googleapis.com/v1"
SCRAPE_INTERVAL = "15s"
# The proxy's own metrics, at a port that the injector names and leaves out of mutual TLS.
PROXY = {"port": "http-envoy-prom", "path": "/stats/prometheus", "interval": SCRAPE_INTERVAL}
ISTIOD = {"port": 15014, "path": "/metrics", "interval": SCRAPE_INTERVAL}


@dataclass(frozen=True)
class ManagedPrometheusArgs:
    """What is collected.

    Attributes:
        services: The namespace of the services.
        gateways: The namespaces of the gateways.
        needs: What has to be there first: these namespaces and the mesh. The cluster brings the
            CRDs.
    """

    services: str
    gateways: Sequence[str]
    needs: Sequence[pulumi.Resource]


class ManagedPrometheus(pulumi.ComponentResource):
    """PodMonitoring of every proxy and of istiod, and ClusterRules.

    Rules of a namespace would see that namespace's series alone, and so nothing of what the ingress
    counts of the requests that never reached a service.

    Source:
        https://cloud.google.com/stackdriver/docs/managed-prometheus/exporters/istio
        https://cloud.google.com/stackdriver/docs/managed-prometheus/rules-managed
    """

    def __init__(
        self, name: str, args: ManagedPrometheusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:ManagedPrometheus", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        collected: list[tuple[str, str, Mapping[str, object], Mapping[str, object]]] = [
            ("services", args.services, PROXY, {}),
            *((each.removeprefix("istio-"), each, PROXY, {}) for each in args.gateways),
            ("istiod", SYSTEM_NAMESPACE, ISTIOD, {"matchLabels": {"app": "istiod"}}),
        ]
        for what, namespace, endpoint, selector in collected:
            CustomResource(
                f"{name}-{what}",
                api_version=MONITORING,
                kind="PodMonitoring",
                metadata={
                    "name": "istiod" if endpoint is ISTIOD else "istio-proxies",
                    "namespace": namespace,
                },
                spec={"selector": selector, "endpoints": [endpoint]},
                opts=child,
            )
        CustomResource(
            f"{name}-alerts",
            api_version=MONITORING,
            kind="ClusterRules",
            metadata={"name": f"petmesh-{args.services}"},
            spec={"groups": rule_groups(args.services)},
            opts=child,
        )
        self.register_outputs({})
