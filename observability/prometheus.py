"""Prometheus by its operator: what it scrapes of the mesh, and the alerts that it evaluates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.network import CONTROL_PLANE_METRICS_PORT, ISTIOD, SYSTEM_NAMESPACE, Path
from istio.routing import WEIGHTED
from observability.alerts import rule_groups
from observability.charts import KUBE_PROMETHEUS_STACK, release, resources
from observability.paths import beside, opened
from observability.place import Place
from observability.prometheus_rights import granted
from observability.scrapers import MERGED_PORT, PROMETHEUS_APP

MONITORING = "monitoring.coreos.com/v1"
PORT = 9090
SERVICE = f"{KUBE_PROMETHEUS_STACK.name}-prometheus"
OPERATOR_APP = f"{KUBE_PROMETHEUS_STACK.name}-prometheus-operator"
STATE_APP = "kube-state-metrics"
STATE_PORT = 8080
SCRAPE_INTERVAL = "15s"
# What a VirtualService asks for, in percent, by the subset's name, which is the version's.
ASKED_WEIGHT = "kube_customresource_virtualservice_weight"
# The operator takes what has its release's label.
SELECTED = {"release": KUBE_PROMETHEUS_STACK.name}


@dataclass(frozen=True)
class PrometheusArgs:
    """What is scraped, and who may ask.

    Attributes:
        namespace: The namespace of the observability stack.
        services: The namespace of the services.
        proxies: Every namespace whose pods have a proxy.
        readers: The labels `app.kubernetes.io/name` of the pods that may query it.
        api_server: The network path to the API server.
        needs: What has to be there first: the namespace and the mesh.
    """

    namespace: str
    services: str
    proxies: Sequence[str]
    readers: Sequence[str]
    api_server: Path
    needs: Sequence[pulumi.Resource]


class Prometheus(pulumi.ComponentResource):
    """Prometheus, its operator, and the weights of the routes as metrics.

    Attributes:
        ready: What needs the operator's CRDs, or a Prometheus that runs, depends on.
    """

    def __init__(
        self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:observability:Prometheus", name, None, opts)
        place = granted(
            _opened(args, Place(args.namespace, self, args.needs)),
            scraped=[args.namespace, SYSTEM_NAMESPACE, *args.proxies],
        )
        self.ready = release(KUBE_PROMETHEUS_STACK, _values(), place)
        child = pulumi.ResourceOptions(parent=self, depends_on=[self.ready])
        CustomResource(
            f"{name}-proxies",
            api_version=MONITORING,
            kind="PodMonitor",
            metadata=_metadata("istio-proxies", args.namespace),
            spec=_proxies(args.proxies),
            opts=child,
        )
        CustomResource(
            f"{name}-istiod",
            api_version=MONITORING,
            kind="ServiceMonitor",
            metadata=_metadata("istiod", args.namespace),
            spec={
                "selector": {"matchLabels": {"istio": "pilot"}},
                "namespaceSelector": {"matchNames": [SYSTEM_NAMESPACE]},
                "targetLabels": ["app"],
                "endpoints": [{"port": "http-monitoring", "interval": SCRAPE_INTERVAL}],
            },
            opts=child,
        )
        CustomResource(
            f"{name}-alerts",
            api_version=MONITORING,
            kind="PrometheusRule",
            metadata=_metadata("petmesh", args.namespace),
            spec={"groups": rule_groups(args.services)},
            opts=child,
        )
        self.register_outputs({})


def _opened(args: PrometheusArgs, place: Place) -> Place:
    scraped = [
        *(Path([MERGED_PORT], namespace) for namespace in args.proxies),
        Path([CONTROL_PLANE_METRICS_PORT], SYSTEM_NAMESPACE, ISTIOD),
        beside(place, STATE_APP, STATE_PORT),
    ]
    readers = [beside(place, app, PORT) for app in args.readers]
    asked = [beside(place, PROMETHEUS_APP, STATE_PORT)]
    place = opened(PROMETHEUS_APP, place, callers=readers, called=[args.api_server, *scraped])
    place = opened(OPERATOR_APP, place, called=[args.api_server])
    return opened(STATE_APP, place, callers=asked, called=[args.api_server])


def _metadata(name: str, namespace: str) -> Mapping[str, object]:
    return {"name": name, "namespace": namespace, "labels": SELECTED}


def _proxies(namespaces: Sequence[str]) -> Mapping[str, object]:
    """Every proxy's merged metrics, at the port that the injector's annotation names.

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
    """The operator, one Prometheus and the routes' weights; what watches nodes is left out."""
    off = {"enabled": False}
    return {
        "global": {"rbac": {"create": False}},
        "defaultRules": {"create": False},
        "alertmanager": off,
        "grafana": off,
        "nodeExporter": off,
        "kubernetesServiceMonitors": off,
        "prometheusOperator": {
            # They would check the rules, which the tests do, and want a Job that makes their
            # certificate.
            "admissionWebhooks": off,
            "tls": off,
            "kubeletService": off,
            # Its rights reach no further.
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
    """Each weight of a route named `weighted` as a metric.

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
                    "labelsFromPath": {
                        "destination_service_name": ["metadata", "name"],
                        "destination_workload_namespace": ["metadata", "namespace"],
                    },
                    "metrics": [
                        {
                            "name": ASKED_WEIGHT.removeprefix("kube_customresource_"),
                            "help": "Percent of the requests that a version is to get",
                            # A VirtualService without such a route is no error to log.
                            "errorLogV": 5,
                            "each": {
                                "type": "Gauge",
                                "gauge": {
                                    "path": ["spec", "http", f"[name={WEIGHTED}]", "route"],
                                    "labelsFromPath": {
                                        "destination_version": ["destination", "subset"]
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
