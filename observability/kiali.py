"""Kiali: the mesh as a graph, read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from istio.network import API_SERVER, CONTROL_PLANE_METRICS_PORT, SYSTEM_NAMESPACE, Path
from observability import dashboard, grafana, prometheus, tracing
from observability.charts import KIALI, release, resources
from observability.paths import beside, opened
from observability.place import Place

APP = "kiali"
PORT = 20001


@dataclass(frozen=True)
class KialiArgs:
    """What Kiali is wired to, besides Prometheus.

    Attributes:
        namespace: The namespace of the observability stack.
        grafana: Whether there is a Grafana.
        tracing: Whether there is a Jaeger.
        needs: What has to be there first: the namespace and the mesh.
    """

    namespace: str
    grafana: bool
    tracing: bool
    needs: Sequence[pulumi.Resource]


class Kiali(pulumi.ComponentResource):
    """Kiali, which changes nothing; who looks logs in with a token of the cluster."""

    def __init__(
        self, name: str, args: KialiArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:Kiali", name, None, opts)
        place = Place(args.namespace, self, args.needs)
        called = [
            API_SERVER,
            beside(place, prometheus.APP, prometheus.PORT),
            Path([CONTROL_PLANE_METRICS_PORT], SYSTEM_NAMESPACE),
        ]
        if args.grafana:
            called.append(beside(place, grafana.APP, grafana.POD_PORT))
        if args.tracing:
            called.append(beside(place, tracing.JAEGER_APP, tracing.QUERY_PORT, tracing.UI_PORT))
        release(KIALI, _values(args), opened(APP, place, called=called))
        self.register_outputs({})


def _values(args: KialiArgs) -> Mapping[str, object]:
    return {
        "auth": {"strategy": "token"},
        "deployment": {
            "instance_name": APP,
            "view_only_mode": True,
            "image_pull_policy": "IfNotPresent",
            # The chart's own opens the port to every pod.
            "network_policy": {"enabled": False},
            "pod_labels": {"sidecar.istio.io/inject": "false"},
            "resources": resources("50m", "64Mi", "512Mi"),
        },
        "external_services": {
            "prometheus": {
                "url": f"http://{prometheus.SERVICE}.{args.namespace}:{prometheus.PORT}"
            },
            "grafana": _grafana(args) if args.grafana else {"enabled": False},
            "tracing": _tracing(args) if args.tracing else {"enabled": False},
        },
    }


def _grafana(args: KialiArgs) -> Mapping[str, object]:
    secret = f"secret:{grafana.ADMIN_SECRET}"
    return {
        "enabled": True,
        "internal_url": f"http://{grafana.APP}.{args.namespace}:{grafana.SERVICE_PORT}",
        "external_url": f"http://localhost:{grafana.LOCAL_PORT}",
        # Mounted from the Secret that Grafana's chart makes.
        "auth": {
            "type": "basic",
            "username": f"{secret}:admin-user",
            "password": f"{secret}:admin-password",
        },
        "dashboards": [
            {
                "name": dashboard.TITLE,
                "variables": {"namespace": "var-namespace", "service": "var-service"},
            }
        ],
    }


def _tracing(args: KialiArgs) -> Mapping[str, object]:
    return {
        "enabled": True,
        "provider": "jaeger",
        "use_grpc": True,
        "internal_url": f"http://{tracing.JAEGER_APP}.{args.namespace}:{tracing.QUERY_PORT}",
        "external_url": f"http://localhost:{tracing.UI_PORT}",
    }
