"""Trace sampling of a proxy, as the mesh's Telemetry configures it; no span is sent anywhere."""

from typing import Any, cast

from petmesh.envoy.names import Json, cluster_name, typed
from petmesh.mesh.mesh import Mesh

# The default if neither a Telemetry nor the MeshConfig sets it (`PILOT_TRACE_SAMPLING` in
# https://istio.io/latest/docs/reference/commands/pilot-discovery/).
_DEFAULT_PERCENT = 1.0
_OPENTELEMETRY = "envoy.config.trace.v3.OpenTelemetryConfig"


def trace_sampling(mesh: Mesh, name: str, *, is_gateway: bool) -> Json:
    """Return the tracing fields of a connection manager; empty if tracing isn't configured.

    As in istiod, a request with `x-client-trace-id` is always sampled (`configureSampling` in
    pilot/pkg/networking/core/tracing.go).

    Args:
        mesh: the declared objects.
        name: the proxy's name in its spans.
        is_gateway: whether it starts a span for each upstream request.
    """
    for traced in mesh.tracing:
        for provider in traced.providers:
            collector = _collector(mesh, provider.name)
            if collector:
                percent = traced.random_sampling_percentage
                random = _DEFAULT_PERCENT if percent is None else percent
                return {
                    "tracing": {
                        "client_sampling": {"value": 100},
                        "overall_sampling": {"value": 100},
                        "random_sampling": {"value": random},
                        "spawn_upstream_span": is_gateway,
                        "provider": {
                            "name": "envoy.tracers.opentelemetry",
                            "typed_config": typed(
                                _OPENTELEMETRY,
                                service_name=name,
                                grpc_service={"envoy_grpc": {"cluster_name": collector}},
                            ),
                        },
                    }
                }
    return {}


def _collector(mesh: Mesh, provider: str) -> str:
    """Return the cluster of an OpenTelemetry provider's collector; empty for other providers."""
    providers: Any = mesh.config.extension_providers or ()
    for each in cast("list[dict[str, Any]]", providers):
        if each.get("name") == provider and "opentelemetry" in each:
            collector = each["opentelemetry"]
            return cluster_name(collector["service"], collector["port"])
    return ""
