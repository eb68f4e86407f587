"""Google Cloud Managed Service for Prometheus: what it collects of the mesh, and its alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.install import INGRESS_NAMESPACE, SYSTEM_NAMESPACE
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
        needs: What has to be there first: that namespace and the mesh. The cluster brings the CRDs.
    """

    services: str
    needs: Sequence[pulumi.Resource]


class ManagedPrometheus(pulumi.ComponentResource):
    """PodMonitoring of every proxy and of istiod, and Rules.

    The rules are in the services' namespace, since Rules see the series of their namespace alone.

    Source:
        https://cloud.google.com/stackdriver/docs/managed-prometheus/exporters/istio
    """

    def __init__(
        self, name: str, args: ManagedPrometheusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:ManagedPrometheus", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        collected: list[tuple[str, str, Mapping[str, object], Mapping[str, object]]] = [
            ("services", args.services, PROXY, {}),
            ("ingress", INGRESS_NAMESPACE, PROXY, {}),
            ("istiod", SYSTEM_NAMESPACE, ISTIOD, {"matchLabels": {"app": "istiod"}}),
        ]
        for what, namespace, endpoint, selector in collected:
            self._object(
                f"{name}-{what}",
                "PodMonitoring",
                "istiod" if endpoint is ISTIOD else "istio-proxies",
                namespace,
                {"selector": selector, "endpoints": [endpoint]},
            )
        rules = {"groups": rule_groups(args.services)}
        self._object(f"{name}-alerts", "Rules", "petmesh", args.services, rules)
        self.register_outputs({})

    def _object(
        self, name: str, kind: str, in_cluster: str, namespace: str, spec: Mapping[str, object]
    ) -> None:
        CustomResource(
            name,
            api_version=MONITORING,
            kind=kind,
            metadata={"name": in_cluster, "namespace": namespace},
            spec=spec,
            opts=self._child,
        )
