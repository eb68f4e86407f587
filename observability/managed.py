"""Google Cloud Managed Service for Prometheus: PodMonitoring of the mesh, and the alerts."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.network import CONTROL_PLANE_METRICS_PORT, SYSTEM_NAMESPACE
from observability.alerts import rule_groups

# Its collectors: https://cloud.google.com/stackdriver/docs/managed-prometheus/setup-managed
COLLECTORS_NAMESPACE = "gmp-system"
# A proxy's port with its own metrics alone.
ENVOY_PORT = 15090
MONITORING = "monitoring.googleapis.com/v1"
SCRAPE_INTERVAL = "15s"
# The proxy's own metrics, at a port that the injector names and leaves out of mutual TLS.
PROXY = {"port": "http-envoy-prom", "path": "/stats/prometheus", "interval": SCRAPE_INTERVAL}
ISTIOD = {"port": CONTROL_PLANE_METRICS_PORT, "path": "/metrics", "interval": SCRAPE_INTERVAL}


class ManagedPrometheus(pulumi.ComponentResource):
    """PodMonitoring of every proxy and of istiod, and ClusterRules with the alerts.

    Rules of a namespace would see that namespace's series alone, and so nothing of what the ingress
    counts of the requests that never reached a service. The cluster brings the CRDs.

    Source:
        https://cloud.google.com/stackdriver/docs/managed-prometheus/exporters/istio
        https://cloud.google.com/stackdriver/docs/managed-prometheus/rules-managed
    """

    def __init__(
        self,
        services: Sequence[str],
        gateways: Sequence[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare what is collected.

        Args:
            services: The namespaces of the services.
            gateways: The namespaces of the gateways.
            needs: Resources that it is created after: these namespaces and the mesh.
            opts: The component's options.
        """
        super().__init__(
            "petmesh:observability:ManagedPrometheus", "managed-prometheus", None, opts
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=needs)
        collected: list[tuple[str, str, Mapping[str, object], Mapping[str, object]]] = [
            *((each, each, PROXY, {}) for each in services),
            *((each.removeprefix("istio-"), each, PROXY, {}) for each in gateways),
            ("istiod", SYSTEM_NAMESPACE, ISTIOD, {"matchLabels": {"app": "istiod"}}),
        ]
        for what, namespace, endpoint, selector in collected:
            CustomResource(
                f"managed-prometheus-{what}",
                api_version=MONITORING,
                kind="PodMonitoring",
                metadata={
                    "name": "istiod" if endpoint is ISTIOD else "istio-proxies",
                    "namespace": namespace,
                },
                spec={"selector": selector, "endpoints": [endpoint]},
                opts=child,
            )
        for namespace in services:
            CustomResource(
                f"managed-prometheus-alerts-{namespace}",
                api_version=MONITORING,
                kind="ClusterRules",
                metadata={"name": f"petmesh-{namespace}"},
                spec={"groups": rule_groups(namespace)},
                opts=child,
            )
        self.register_outputs({})
