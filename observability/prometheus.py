"""Prometheus by its operator: the monitors of the mesh, and the alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.network import CONTROL_PLANE_METRICS_PORT, ISTIOD, SYSTEM_NAMESPACE, NetworkPeer
from istio.routing import WEIGHTED
from observability.alerts import rule_groups
from observability.charts import KUBE_PROMETHEUS_STACK, release, resources
from observability.namespace import NAMESPACE, allowed, metadata, neighbor
from observability.prometheus_rights import granted

MONITORING = "monitoring.coreos.com/v1"
# The label of its pods, by the operator.
APP = "prometheus"
PORT = 9090
SERVICE = f"{KUBE_PROMETHEUS_STACK.name}-prometheus"
OPERATOR_APP = f"{KUBE_PROMETHEUS_STACK.name}-prometheus-operator"
STATE_APP = "kube-state-metrics"
STATE_PORT = 8080
# A proxy's port with its own metrics and its service's.
MERGED_PORT = 15020
SCRAPE_INTERVAL = "15s"
# The weight in a VirtualService, in percent, by the subset's name, which is the version's.
ROUTE_WEIGHT = "kube_customresource_virtualservice_weight"
# The operator selects objects with its release's label.
SELECTED = {"release": KUBE_PROMETHEUS_STACK.name}


@dataclass(frozen=True)
class PrometheusArgs:
    """What is scraped, and who may query it.

    Attributes:
        services: The namespaces of the services.
        proxies: Every namespace whose pods have a proxy.
        readers: The labels `app.kubernetes.io/name` of the pods that may query it.
        api_server: The API server.
        needs: Resources that it is created after: the namespace and the mesh.
    """

    services: Sequence[str]
    proxies: Sequence[str]
    readers: Sequence[str]
    api_server: NetworkPeer
    needs: Sequence[pulumi.Resource]


class Prometheus(pulumi.ComponentResource):
    """The Helm release of Prometheus, its operator and kube-state-metrics; monitors and alerts.

    Attributes:
        ready: What needs the operator's CRDs, or a Prometheus that runs, depends on.
    """

    def __init__(self, args: PrometheusArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("petmesh:observability:Prometheus", "prometheus", None, opts)
        place = granted(
            [NAMESPACE, SYSTEM_NAMESPACE, *args.proxies],
            _traffic(args, pulumi.ResourceOptions(parent=self, depends_on=args.needs)),
        )
        self.ready = release(KUBE_PROMETHEUS_STACK, _values(), place)
        child = pulumi.ResourceOptions(parent=self, depends_on=[self.ready])
        CustomResource(
            "prometheus-proxies",
            api_version=MONITORING,
            kind="PodMonitor",
            metadata=metadata("istio-proxies", labels=SELECTED),
            spec=_proxies(args.proxies),
            opts=child,
        )
        CustomResource(
            "prometheus-istiod",
            api_version=MONITORING,
            kind="ServiceMonitor",
            metadata=metadata("istiod", labels=SELECTED),
            spec={
                "selector": {"matchLabels": {"istio": "pilot"}},
                "namespaceSelector": {"matchNames": [SYSTEM_NAMESPACE]},
                "targetLabels": ["app"],
                "endpoints": [{"port": "http-monitoring", "interval": SCRAPE_INTERVAL}],
            },
            opts=child,
        )
        for namespace in args.services:
            CustomResource(
                f"prometheus-alerts-{namespace}",
                api_version=MONITORING,
                kind="PrometheusRule",
                metadata=metadata(f"petmesh-{namespace}", labels=SELECTED),
                spec={"groups": rule_groups(namespace)},
                opts=child,
            )
        self.register_outputs({})


def _traffic(args: PrometheusArgs, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    scraped = [
        *(NetworkPeer([MERGED_PORT], namespace) for namespace in args.proxies),
        NetworkPeer.of(ISTIOD, CONTROL_PLANE_METRICS_PORT),
        neighbor(STATE_APP, STATE_PORT),
    ]
    readers = [neighbor(app, PORT) for app in args.readers]
    scraper = [neighbor(APP, STATE_PORT)]
    opts = allowed(APP, opts, callers=readers, called=[args.api_server, *scraped])
    opts = allowed(OPERATOR_APP, opts, called=[args.api_server])
    return allowed(STATE_APP, opts, callers=scraper, called=[args.api_server])


def _proxies(namespaces: Sequence[str]) -> Mapping[str, object]:
    """Return a PodMonitor's spec: each proxy's merged metrics, at the port of its annotation.

    Source:
        https://github.com/istio/istio/blob/1.31.1/samples/addons/extras/prometheus-operator.yaml
    """
    kept = "__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape"
    port = "__meta_kubernetes_pod_annotation_prometheus_io_port"
    return {
        "selector": {
            "matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]
        },
        "namespaceSelector": {"matchNames": list(namespaces)},
        "podMetricsEndpoints": [
            {
                "path": "/stats/prometheus",
                "interval": SCRAPE_INTERVAL,
                "relabelings": [
                    {
                        "action": "keep",
                        "sourceLabels": ["__meta_kubernetes_pod_container_name"],
                        "regex": "istio-proxy",
                    },
                    {"action": "keep", "sourceLabels": [kept], "regex": "true"},
                    {
                        "action": "replace",
                        "sourceLabels": ["__address__", port],
                        "regex": r"([^:]+)(?::\d+)?;(\d+)",
                        "replacement": "$1:$2",
                        "targetLabel": "__address__",
                    },
                ],
            }
        ],
    }


def _values() -> Mapping[str, object]:
    """Return the values for the operator, one Prometheus and the routes' weights; no nodes."""
    off = {"enabled": False}
    return {
        "global": {"rbac": {"create": False}},
        "defaultRules": {"create": False},
        "alertmanager": off,
        "grafana": off,
        "nodeExporter": off,
        "kubernetesServiceMonitors": off,
        "prometheusOperator": {
            # They would check the rules, which the tests do, and need a Job for their
            # certificate.
            "admissionWebhooks": off,
            "tls": off,
            "kubeletService": off,
            # Its Role reaches no further.
            "namespaces": {"releaseNamespace": True},
            "resources": resources("50m", "64Mi", "256Mi"),
            "serviceMonitor": {"selfMonitor": False},
            "prometheusConfigReloader": {"resources": resources("10m", "32Mi", "64Mi")},
        },
        "prometheus": {
            "serviceMonitor": {"selfMonitor": False},
            "prometheusSpec": {
                "scrapeInterval": SCRAPE_INTERVAL,
                "evaluationInterval": SCRAPE_INTERVAL,
                "retention": "7d",
                "retentionSize": "8GB",
                "resources": resources("100m", "512Mi", "2Gi"),
                "storageSpec": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "10Gi"}},
                        }
                    }
                },
            },
        },
        "kube-state-metrics": {
            "collectors": [],
            "extraArgs": ["--custom-resource-state-only=true"],
            "rbac": {
                "extraRules": [
                    {
                        "apiGroups": ["networking.istio.io"],
                        "resources": ["virtualservices"],
                        "verbs": ["list", "watch"],
                    }
                ]
            },
            "customResourceState": {"enabled": True, "config": _weights()},
            "resources": resources("10m", "32Mi", "128Mi"),
        },
    }


def _weights() -> Mapping[str, object]:
    """Return the config by which each weight of a route named `weighted` is a metric.

    Source:
        https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/extend/customresourcestate-metrics.md
    """
    group, _, version = NETWORKING.partition("/")
    return {
        "kind": "CustomResourceStateMetrics",
        "spec": {
            "resources": [
                {
                    "groupVersionKind": {
                        "group": group,
                        "version": version,
                        "kind": "VirtualService",
                    },
                    "metrics": [
                        {
                            "name": ROUTE_WEIGHT.removeprefix("kube_customresource_"),
                            "help": "Percent of the requests that a version is to get",
                            # A VirtualService without such a route is no error to log.
                            "errorLogV": 5,
                            "each": {
                                "type": "Gauge",
                                "gauge": {
                                    "path": ["spec", "http", f"[name={WEIGHTED}]", "route"],
                                    "labelsFromPath": {
                                        "destination_service": ["destination", "host"],
                                        "destination_version": ["destination", "subset"],
                                    },
                                    "valueFrom": ["weight"],
                                },
                            },
                        }
                    ],
                }
            ]
        },
    }
