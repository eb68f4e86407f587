"""Kiali: the mesh as a graph, read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from istio.network import CONTROL_PLANE_METRICS_PORT, ISTIOD, SYSTEM_NAMESPACE, Path
from observability import dashboard, grafana, prometheus, tracing
from observability.charts import KIALI, release, resources
from observability.paths import beside, opened
from observability.place import Place
from observability.rights import account, role_ref
from observability.scrapers import PROMETHEUS_APP

APP = "kiali"
PORT = 20001
READER = "kiali-reader"
# Of each, what Kubernetes' own role `view` doesn't hold.
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
    """What Kiali is wired to, besides Prometheus.

    Attributes:
        namespace: The namespace of the observability stack.
        shown: The namespaces that people look at.
        grafana: Whether there is a Grafana.
        tracing: Whether there is a Jaeger.
        api_server: The network path to the API server.
        needs: What has to be there first: the namespace and the mesh.
    """

    namespace: str
    shown: Sequence[str]
    grafana: bool
    tracing: bool
    api_server: Path
    needs: Sequence[pulumi.Resource]


class Kiali(pulumi.ComponentResource):
    """Kiali, which changes nothing, and an account for those that look.

    A token of Kiali's own account would do more than look: Kiali forwards ports of every pod.
    """

    def __init__(
        self, name: str, args: KialiArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:Kiali", name, None, opts)
        place = Place(args.namespace, self, args.needs)
        called = [
            args.api_server,
            beside(place, PROMETHEUS_APP, prometheus.PORT),
            Path([CONTROL_PLANE_METRICS_PORT], SYSTEM_NAMESPACE, ISTIOD),
        ]
        if args.grafana:
            called.append(beside(place, grafana.APP, grafana.POD_PORT))
        if args.tracing:
            called.append(beside(place, tracing.JAEGER_APP, tracing.QUERY_PORT, tracing.UI_PORT))
        release(KIALI, _values(args), opened(APP, place, called=called))
        self._reader(place, args.shown)
        self.register_outputs({})

    def _reader(self, place: Place, shown: Sequence[str]) -> None:
        """An account that reads the workloads and Istio's objects of some namespaces, no more."""
        kubernetes.core.v1.ServiceAccount(
            READER,
            metadata={"name": READER, "namespace": place.namespace},
            automount_service_account_token=False,
            opts=place.options,
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
            opts=place.options,
        )
        for namespace in shown:
            for role in ("view", READER):
                kubernetes.rbac.v1.RoleBinding(
                    f"{READER}-{role}-{namespace}",
                    metadata={"name": f"{READER}-{role}", "namespace": namespace},
                    role_ref=role_ref("ClusterRole", role),
                    subjects=[account(READER, place)],
                    opts=place.options,
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
            # To the chart it is where Kiali is.
            "istio": {"root_namespace": SYSTEM_NAMESPACE},
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
