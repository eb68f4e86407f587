"""The parts of the observability stack that a stack's config asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

from istio.network import NoOtherPaths, Path
from istio.pod_security import RESTRICTED
from istio.telemetry import AccessLogs, MeshTelemetry, MeshTelemetryArgs
from observability import grafana, kiali, prometheus, tracing
from observability.managed import ManagedPrometheus, ManagedPrometheusArgs

NAMESPACE = "observability"
Metrics = Literal["none", "prometheus", "managed"]
Tracing = Literal["none", "jaeger"]


@dataclass(frozen=True)
class ObservabilityArgs:
    """What there is to be.

    Attributes:
        metrics: Who scrapes the mesh and evaluates the alerts: prometheus, managed (Google
            Cloud's), or none.
        grafana: Whether there is a Grafana; it reads the Prometheus.
        kiali: Whether there is a Kiali; it reads the Prometheus.
        tracing: Whether traces are collected, and kept by Jaeger.
        sampling_percent: The percent of the requests that are traced.
        access_logs: Which requests each proxy logs.
        services: The namespace of the services.
        gateways: The namespaces of the gateways.
        api_server: The network path to the API server.
        needs: What has to be there first: the mesh, and these namespaces.
    """

    metrics: Metrics
    grafana: bool
    kiali: bool
    tracing: Tracing
    sampling_percent: int
    access_logs: AccessLogs
    services: str
    gateways: Sequence[str]
    api_server: Path
    needs: Sequence[pulumi.Resource]


class Observability(pulumi.ComponentResource):
    """What the proxies tell; and Prometheus, Grafana, Kiali and tracing, where they are asked for.

    All but the managed Prometheus live in a namespace of their own outside the mesh, with Pod
    Security's level `restricted` and only the network paths that they use. Nothing is public.

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
        MeshTelemetry(
            "telemetry",
            MeshTelemetryArgs(
                access_logs=args.access_logs,
                tracing=args.tracing == "jaeger",
                sampling_percent=args.sampling_percent,
                needs=args.needs,
            ),
            self._child,
        )
        if args.metrics == "managed":
            ManagedPrometheus(
                "managed-prometheus",
                ManagedPrometheusArgs(args.services, args.gateways, args.needs),
                self._child,
            )
        if args.metrics == "prometheus" or args.tracing == "jaeger":
            namespace = kubernetes.core.v1.Namespace(
                NAMESPACE, metadata={"name": NAMESPACE, "labels": RESTRICTED}, opts=self._child
            )
            closed = NoOtherPaths(
                f"{NAMESPACE}-default-deny", NAMESPACE, [namespace], self._child
            ).policy
            self._place([namespace, closed, *args.needs])
        self.register_outputs({"port_forwards": self.port_forwards})

    def _place(self, needs: Sequence[pulumi.Resource]) -> None:
        args = self._args
        readers = {grafana.APP: args.grafana, kiali.APP: args.kiali}
        if args.metrics == "prometheus":
            prometheus.Prometheus(
                "prometheus",
                prometheus.PrometheusArgs(
                    namespace=NAMESPACE,
                    services=args.services,
                    proxies=[args.services, *args.gateways],
                    readers=[app for app, is_there in readers.items() if is_there],
                    api_server=args.api_server,
                    needs=needs,
                ),
                self._child,
            )
            self._forward("prometheus", prometheus.SERVICE, prometheus.PORT)
        if args.tracing == "jaeger":
            tracing.Tracing(
                "tracing",
                tracing.TracingArgs(
                    namespace=NAMESPACE,
                    senders=[args.services, *args.gateways],
                    readers=[kiali.APP] if args.kiali else [],
                    needs=needs,
                ),
                self._child,
            )
            self._forward("jaeger", tracing.JAEGER_APP, tracing.UI_PORT)
        secrets: list[pulumi.Resource] = []
        if args.grafana:
            shown = grafana.Grafana(
                "grafana",
                grafana.GrafanaArgs(
                    namespace=NAMESPACE,
                    services=args.services,
                    readers=[kiali.APP] if args.kiali else [],
                    needs=needs,
                ),
                self._child,
            )
            secrets.append(shown.ready)
            self._forward("grafana", grafana.APP, grafana.SERVICE_PORT, grafana.LOCAL_PORT)
        if args.kiali:
            kiali.Kiali(
                "kiali",
                kiali.KialiArgs(
                    namespace=NAMESPACE,
                    shown=[args.services, *args.gateways],
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
