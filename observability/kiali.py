"""Kiali: the mesh as a graph, read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from istio.network import CONTROL_PLANE_METRICS_PORT, ISTIOD, SYSTEM_NAMESPACE, NetworkPeer
from observability import dashboard, grafana, prometheus, tracing
from observability.charts import KIALI, release, resources
from observability.namespace import NAMESPACE, account, allowed, metadata, neighbor, role_ref

APP = "kiali"
PORT = 20001
READER = "kiali-reader"
# Istio's kinds, which Kubernetes' own ClusterRole `view` doesn't hold.
ISTIO_OBJECTS = {
    "networking.istio.io": (
        "destinationrules",
        "envoyfilters",
        "gateways",
        "serviceentries",
        "sidecars",
        "virtualservices",
    ),
    "security.istio.io": ("authorizationpolicies", "peerauthentications"),
    "telemetry.istio.io": ("telemetries",),
}


@dataclass(frozen=True)
class KialiArgs:
    """What Kiali shows, and what it reads besides Prometheus.

    Attributes:
        shown: The namespaces that it shows.
        grafana: Whether there is a Grafana.
        tracing: Whether there is a Jaeger.
        api_server: The API server.
        needs: Resources that it is created after: the namespace and the mesh.
    """

    shown: Sequence[str]
    grafana: bool
    tracing: bool
    api_server: NetworkPeer
    needs: Sequence[pulumi.Resource]


class Kiali(pulumi.ComponentResource):
    """Kiali's Helm release, which changes nothing, and a ServiceAccount to log in with.

    A token of Kiali's own account would do more than read: Kiali forwards ports of every pod.
    """

    def __init__(self, args: KialiArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("petmesh:observability:Kiali", "kiali", None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        called = [
            args.api_server,
            neighbor(prometheus.APP, prometheus.PORT),
            NetworkPeer.of(ISTIOD, CONTROL_PLANE_METRICS_PORT),
        ]
        if args.grafana:
            called.append(neighbor(grafana.APP, grafana.POD_PORT))
        if args.tracing:
            called.append(neighbor(tracing.JAEGER_APP, tracing.QUERY_PORT, tracing.UI_PORT))
        release(KIALI, _values(args), allowed(APP, child, called=called))
        _reader(args.shown, child)
        self.register_outputs({})


def _reader(shown: Sequence[str], opts: pulumi.ResourceOptions) -> None:
    """Declare a ServiceAccount that reads the workloads and Istio objects of some namespaces."""
    kubernetes.core.v1.ServiceAccount(
        READER,
        metadata=metadata(READER),
        automount_service_account_token=False,
        opts=opts,
    )
    kubernetes.rbac.v1.ClusterRole(
        READER,
        metadata={"name": READER},
        rules=[
            {
                "api_groups": [group],
                "resources": list(resources),
                "verbs": ["get", "list", "watch"],
            }
            for group, resources in ISTIO_OBJECTS.items()
        ],
        opts=opts,
    )
    for namespace in shown:
        for role in ("view", READER):
            kubernetes.rbac.v1.RoleBinding(
                f"{READER}-{role}-{namespace}",
                metadata={"name": f"{READER}-{role}", "namespace": namespace},
                role_ref=role_ref("ClusterRole", role),
                subjects=[account(READER)],
                opts=opts,
            )


def _values(args: KialiArgs) -> Mapping[str, object]:
    return {
        "auth": {"strategy": "token"},
        "deployment": {
            "instance_name": APP,
            "view_only_mode": True,
            "image_pull_policy": "IfNotPresent",
            # The chart's own opens the port to every pod.
            "network_policy": {"enabled": False},
            "resources": resources("50m", "64Mi", "512Mi"),
        },
        "external_services": {
            # The chart's default is Kiali's own namespace.
            "istio": {"root_namespace": SYSTEM_NAMESPACE},
            "prometheus": {"url": f"http://{prometheus.SERVICE}.{NAMESPACE}:{prometheus.PORT}"},
            "grafana": _grafana() if args.grafana else {"enabled": False},
            "tracing": _tracing() if args.tracing else {"enabled": False},
        },
    }


def _grafana() -> Mapping[str, object]:
    secret = f"secret:{grafana.ADMIN_SECRET}"
    return {
        "enabled": True,
        "internal_url": f"http://{grafana.APP}.{NAMESPACE}:{grafana.SERVICE_PORT}",
        "external_url": f"http://localhost:{grafana.LOCAL_PORT}",
        # Mounted from the Secret that Grafana's chart creates.
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


def _tracing() -> Mapping[str, object]:
    return {
        "enabled": True,
        "provider": "jaeger",
        "use_grpc": True,
        "internal_url": f"http://{tracing.JAEGER_APP}.{NAMESPACE}:{tracing.QUERY_PORT}",
        "external_url": f"http://localhost:{tracing.UI_PORT}",
    }
