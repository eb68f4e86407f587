"""Traces by OpenTelemetry: a collector that takes them, and Jaeger that keeps and shows them."""

from collections.abc import Mapping, Sequence

import pulumi

from istio.destinations import cluster_host
from istio.install import OTLP_PORT
from istio.network import NetworkPeer
from observability.charts import (
    COLLECTOR,
    JAEGER,
    RESTRICTED_CONTAINER,
    release,
    resources,
    restricted_pod,
)
from observability.namespace import NAMESPACE, allowed, neighbor

COLLECTOR_APP = COLLECTOR.name
JAEGER_APP = JAEGER.name
OTLP_HTTP_PORT = 4318
# The collector's, from proxies and from services.
OTLP_PORTS = (OTLP_PORT, OTLP_HTTP_PORT)
UI_PORT = 16686
QUERY_PORT = 16685
_HEALTH_PORT = 13133
# In memory, the oldest go first: enough to look at what a canary did, gone with the pod.
_MOST_TRACES = 20_000


COLLECTOR_HOST = cluster_host(COLLECTOR_APP, NAMESPACE)


def service_environment(service: str, namespace: str) -> Mapping[str, str]:
    """Return OpenTelemetry's environment variables that have a service send traces.

    The mesh decides what is sampled: a service adds spans to its sidecar's traces, under its
    sidecar's name, and begins none.

    Args:
        service: The service's name, also its pods' label `app`.
        namespace: Its namespace.

    Source:
        https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
        TracingServiceName in https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
    """
    return {
        "OTEL_SERVICE_NAME": f"{service}.{namespace}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR_HOST}:{OTLP_HTTP_PORT}",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }


class Tracing(pulumi.ComponentResource):
    """Helm releases of an OpenTelemetry Collector, and of a Jaeger with its traces in memory."""

    def __init__(
        self,
        senders: Sequence[str],
        readers: Sequence[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare both.

        Args:
            senders: The namespaces whose pods send traces.
            readers: The labels `app.kubernetes.io/name` of the pods that may query Jaeger.
            needs: Resources that it is created after: the namespace and the mesh.
            opts: The component's options.
        """
        super().__init__("petmesh:observability:Tracing", "tracing", None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=needs)
        jaeger = allowed(
            JAEGER_APP,
            child,
            callers=[
                neighbor(COLLECTOR_APP, OTLP_PORT),
                *(neighbor(app, QUERY_PORT, UI_PORT) for app in readers),
            ],
        )
        collector = allowed(
            COLLECTOR_APP,
            child,
            callers=[NetworkPeer(OTLP_PORTS, namespace) for namespace in senders],
            called=[neighbor(JAEGER_APP, OTLP_PORT)],
        )
        release(JAEGER, _jaeger_values(), jaeger)
        release(COLLECTOR, _collector_values(), collector)
        self.register_outputs({})


def _collector_values() -> Mapping[str, object]:
    unused = {"enabled": False}
    return {
        "mode": "deployment",
        "fullnameOverride": COLLECTOR.name,
        "image": {
            "repository": "ghcr.io/open-telemetry/opentelemetry-collector-releases/"
            "opentelemetry-collector-k8s"
        },
        "command": {"name": "otelcol-k8s"},
        # Not merged with the chart's own, which opens the ports of other protocols too.
        "alternateConfig": _collector_config(),
        "ports": {
            # Istio reads a port's protocol here, and doesn't have to detect gRPC.
            "otlp-http": {"appProtocol": "http"},
            "jaeger-compact": unused,
            "jaeger-thrift": unused,
            "jaeger-grpc": unused,
            "zipkin": unused,
        },
        "serviceAccount": {"automountServiceAccountToken": False},
        "podSecurityContext": restricted_pod(10001),
        "securityContext": RESTRICTED_CONTAINER,
        "resources": resources("50m", "64Mi", "256Mi"),
    }


def _collector_config() -> Mapping[str, object]:
    def address(port: int) -> str:
        return f"${{env:MY_POD_IP}}:{port}"

    return {
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": address(OTLP_PORT)},
                    "http": {"endpoint": address(OTLP_HTTP_PORT)},
                }
            }
        },
        "processors": {
            "memory_limiter": {
                "check_interval": "1s",
                "limit_percentage": 80,
                "spike_limit_percentage": 25,
            },
            "batch": {},
        },
        "exporters": {
            "otlp_grpc": {
                "endpoint": f"{JAEGER.name}:{OTLP_PORT}",
                "tls": {"insecure": True},
            }
        },
        "extensions": {"health_check": {"endpoint": address(_HEALTH_PORT)}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["otlp_grpc"],
                }
            },
            "telemetry": {"metrics": {"level": "none"}},
        },
    }


def _jaeger_values() -> Mapping[str, object]:
    def address(port: int) -> str:
        return f"0.0.0.0:{port}"

    return {
        "fullnameOverride": JAEGER.name,
        "userconfig": {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {
                    "traces": {
                        "receivers": ["otlp"],
                        "processors": ["batch"],
                        "exporters": ["jaeger_storage_exporter"],
                    }
                },
                "telemetry": {"metrics": {"level": "none"}},
            },
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": address(_HEALTH_PORT)}},
                "jaeger_query": {
                    "storage": {"traces": "memory"},
                    "grpc": {"endpoint": address(QUERY_PORT)},
                    "http": {"endpoint": address(UI_PORT)},
                },
                "jaeger_storage": {
                    "backends": {"memory": {"memory": {"max_traces": _MOST_TRACES}}}
                },
            },
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": address(OTLP_PORT)}}}},
            "processors": {"batch": {}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        },
        "jaeger": {
            "serviceAccount": {"automountServiceAccountToken": False},
            "podSecurityContext": restricted_pod(10001),
            "securityContext": RESTRICTED_CONTAINER,
            "resources": resources("50m", "128Mi", "1Gi"),
        },
    }
