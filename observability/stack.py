"""The observability stack: Prometheus, Grafana, Kiali and tracing, as config has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

from istio.network import NetworkPeer, default_deny
from istio.pod_security import RESTRICTED
from istio.telemetry import AccessLogs, mesh_telemetry
from observability import dashboard, grafana, kiali, prometheus, tracing
from observability.managed import ManagedPrometheus
from observability.namespace import NAMESPACE

Metrics = Literal["none", "prometheus", "managed"]
Tracing = Literal["none", "jaeger"]


@dataclass(frozen=True)
class ObservabilityArgs:
    """The parts of an observability stack.

    Attributes:
        metrics: Who scrapes the mesh and evaluates the alerts: prometheus, managed (Google
            Cloud's), or none.
        grafana: Whether Grafana is installed; it reads the Prometheus.
        kiali: Whether Kiali is installed; it reads the Prometheus.
        tracing: Whether traces are collected, and stored by Jaeger.
        sampling_percent: The percent of the requests that are traced.
        access_logs: Which requests each proxy logs.
        services: The namespaces of the services.
        canary_service: The service that the dashboard shows first.
        gateways: The namespaces of the gateways.
        api_server: The API server.
        needs: Resources that it is created after: the mesh, and these namespaces.
    """

    metrics: Metrics
    grafana: bool
    kiali: bool
    tracing: Tracing
    sampling_percent: int
    access_logs: AccessLogs
    services: Sequence[str]
    canary_service: str
    gateways: Sequence[str]
    api_server: NetworkPeer
    needs: Sequence[pulumi.Resource]


class Observability(pulumi.ComponentResource):
    """The mesh's Telemetry; and Prometheus, Grafana, Kiali and tracing, where config has them.

    All but the managed Prometheus are in a Namespace of their own outside the mesh, with Pod
    Security's level `restricted` and NetworkPolicies for the traffic that they need. Nothing is
    public.

    Attributes:
        port_forwards: The command that makes each of them reachable, by its name.
    """

    def __init__(
        self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:Observability", name, None, opts)
        self._args = args
        self.port_forwards: dict[str, str] = {}
        self._child = pulumi.ResourceOptions(parent=self)
        mesh_telemetry(
            args.access_logs,
            args.sampling_percent if args.tracing == "jaeger" else None,
            pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        if args.metrics == "managed":
            ManagedPrometheus(args.services, args.gateways, args.needs, self._child)
        if args.metrics == "prometheus" or args.tracing == "jaeger":
            namespace = kubernetes.core.v1.Namespace(
                NAMESPACE, metadata={"name": NAMESPACE, "labels": RESTRICTED}, opts=self._child
            )
            denied = default_deny(
                NAMESPACE, pulumi.ResourceOptions(parent=self, depends_on=[namespace])
            )
            self._install([namespace, denied, *args.needs])
        self.register_outputs({"port_forwards": self.port_forwards})

    def _install(self, needs: Sequence[pulumi.Resource]) -> None:
        args = self._args
        proxies = [*args.services, *args.gateways]
        by_kiali = [kiali.APP] if args.kiali else []
        if args.metrics == "prometheus":
            readers = [*([grafana.APP] if args.grafana else []), *by_kiali]
            prometheus.Prometheus(
                prometheus.PrometheusArgs(args.services, proxies, readers, args.api_server, needs),
                self._child,
            )
            self._forward("prometheus", prometheus.SERVICE, prometheus.PORT)
        if args.tracing == "jaeger":
            tracing.Tracing(proxies, by_kiali, needs, self._child)
            self._forward("jaeger", tracing.JAEGER_APP, tracing.UI_PORT)
        secrets: list[pulumi.Resource] = []
        if args.grafana:
            shown = dashboard.as_json(args.services[0], args.canary_service)
            installed = grafana.Grafana(shown, by_kiali, needs, self._child)
            secrets.append(installed.ready)
            self._forward("grafana", grafana.APP, grafana.SERVICE_PORT, grafana.LOCAL_PORT)
        if args.kiali:
            kiali.Kiali(
                kiali.KialiArgs(
                    shown=proxies,
                    grafana=args.grafana,
                    tracing=args.tracing == "jaeger",
                    api_server=args.api_server,
                    needs=[*needs, *secrets],
                ),
                self._child,
            )
            self._forward("kiali", kiali.APP, kiali.PORT)

    def _forward(self, name: str, service: str, port: int, local: int | None = None) -> None:
        self.port_forwards[name] = (
            f"kubectl --namespace {NAMESPACE} port-forward service/{service} {local or port}:{port}"
        )
