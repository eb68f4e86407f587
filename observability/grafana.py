"""Grafana with the canary's dashboard."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from observability import dashboard, prometheus
from observability.charts import GRAFANA, RESTRICTED_CONTAINER, release, resources, restricted_pod
from observability.namespace import after, allowed, metadata, neighbor

APP = GRAFANA.name
# The chart creates it, with a random password that it keeps through upgrades.
ADMIN_SECRET = GRAFANA.name
POD_PORT = 3000
SERVICE_PORT = 80
LOCAL_PORT = 3000
_DASHBOARDS = "grafana-dashboards"
_FOLDER = "petmesh"
TEMPORARY = "/tmp"  # noqa: S108 (in the pod)


class Grafana(pulumi.ComponentResource):
    """Grafana's Helm release and its dashboard's ConfigMap; it stores nothing of its own.

    Attributes:
        ready: What needs its Secret depends on.
    """

    def __init__(
        self,
        dashboard_json: str,
        readers: Sequence[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare Grafana.

        Args:
            dashboard_json: The canary's dashboard.
            readers: The labels `app.kubernetes.io/name` of the pods that may call it.
            needs: Resources that it is created after: the namespace and the mesh.
            opts: The component's options.
        """
        super().__init__("petmesh:observability:Grafana", "grafana", None, opts)
        child = allowed(
            APP,
            pulumi.ResourceOptions(parent=self, depends_on=needs),
            callers=[neighbor(app, POD_PORT) for app in readers],
            called=[neighbor(prometheus.APP, prometheus.PORT)],
        )
        dashboards = kubernetes.core.v1.ConfigMap(
            "grafana-dashboards",
            metadata=metadata(_DASHBOARDS),
            data={"petmesh.ramp.json": dashboard_json},
            opts=child,
        )
        self.ready = release(GRAFANA, _values(), after(child, dashboards))
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
