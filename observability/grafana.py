"""Grafana with the canary's dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from observability import dashboard, prometheus
from observability.charts import GRAFANA, RESTRICTED_CONTAINER, release, resources, restricted_pod
from observability.paths import beside, opened
from observability.place import Place
from observability.scrapers import PROMETHEUS_APP

APP = GRAFANA.name
# The chart makes it, with a random password that it keeps through upgrades.
ADMIN_SECRET = GRAFANA.name
POD_PORT = 3000
SERVICE_PORT = 80
LOCAL_PORT = 3000
_DASHBOARDS = "grafana-dashboards"
_FOLDER = "petmesh"
TEMPORARY = "/tmp"  # noqa: S108 (in the pod)


@dataclass(frozen=True)
class GrafanaArgs:
    """What Grafana shows.

    Attributes:
        namespace: The namespace of the observability stack.
        services: The namespace of the services.
        readers: The labels `app.kubernetes.io/name` of the pods that may ask it.
        needs: What has to be there first: the namespace and the mesh.
    """

    namespace: str
    services: str
    readers: Sequence[str]
    needs: Sequence[pulumi.Resource]


class Grafana(pulumi.ComponentResource):
    """Grafana, which keeps nothing: its data source and dashboard come from here alone.

    Attributes:
        ready: What needs its Secret depends on.
    """

    def __init__(
        self, name: str, args: GrafanaArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:Grafana", name, None, opts)
        outside = Place(args.namespace, self, args.needs)
        place = opened(
            APP,
            outside,
            callers=[beside(outside, app, POD_PORT) for app in args.readers],
            called=[beside(outside, PROMETHEUS_APP, prometheus.PORT)],
        )
        dashboards = kubernetes.core.v1.ConfigMap(
            f"{name}-dashboards",
            metadata={"name": _DASHBOARDS, "namespace": args.namespace},
            data={"petmesh.ramp.json": dashboard.as_json(args.services)},
            opts=place.options,
        )
        self.ready = release(GRAFANA, _values(), place.after(dashboards))
        self.register_outputs({})


def _values() -> Mapping[str, object]:
    source = {
        "name": "Prometheus",
        "uid": dashboard.DATA_SOURCE,
        "type": "prometheus",
        "url": f"http://{prometheus.SERVICE}:{prometheus.PORT}",
        "access": "proxy",
        "isDefault": True,
        "jsonData": {"timeInterval": prometheus.SCRAPE_INTERVAL},
    }
    provider = {
        "name": _FOLDER,
        "type": "file",
        "folder": _FOLDER,
        "allowUiUpdates": False,
        "options": {"path": f"/var/lib/grafana/dashboards/{_FOLDER}"},
    }
    return {
        "fullnameOverride": APP,
        # A dashboard is mounted, not looked for: Grafana needs no access to the API server.
        "rbac": {"create": False},
        "automountServiceAccountToken": False,
        "testFramework": {"enabled": False},
        "datasources": {"datasources.yaml": {"apiVersion": 1, "datasources": [source]}},
        "dashboardProviders": {
            "dashboardproviders.yaml": {"apiVersion": 1, "providers": [provider]}
        },
        "dashboardsConfigMaps": {_FOLDER: _DASHBOARDS},
        "grafana.ini": {
            "analytics": {
                "reporting_enabled": False,
                "check_for_updates": False,
                "check_for_plugin_updates": False,
            },
            "news": {"news_feed_enabled": False},
            "users": {"allow_sign_up": False},
            "plugins": {"preinstall_disabled": True},
        },
        "securityContext": restricted_pod(472),
        "containerSecurityContext": RESTRICTED_CONTAINER,
        "extraEmptyDirMounts": [{"name": "temporary", "mountPath": TEMPORARY}],
        "resources": resources("50m", "128Mi", "512Mi"),
    }
