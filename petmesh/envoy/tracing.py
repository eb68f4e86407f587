"""Traces: which requests a proxy samples, as the mesh's Telemetry says. Their spans go nowhere."""

from typing import Any, cast

from petmesh.envoy.names import Json, cluster_name, typed
from petmesh.mesh.mesh import Mesh

# Where neither a Telemetry nor the mesh's configuration says how many (`PILOT_TRACE_SAMPLING` in
# https://istio.io/latest/docs/reference/commands/pilot-discovery/).
_DEFAULT_PERCENT = 1.0
_OPENTELEMETRY = "envoy.config.trace.v3.OpenTelemetryConfig"


def sampled(mesh: Mesh, name: str, *, is_gateway: bool) -> Json:
    """The part of a connection manager that samples; nothing where nothing is traced.

    As istiod has it, who asks for a trace by `x-client-trace-id` gets one (`configureSampling` in
    pilot/pkg/networking/core/tracing.go).

    Args:
        mesh: the declared objects.
        name: the proxy's, as its spans would tell it.
        is_gateway: whether it begins a span for each upstream request.
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
    """The cluster of an OpenTelemetry provider's collector; empty for any other provider."""
    providers: Any = mesh.config.extension_providers or ()
    for each in cast("list[dict[str, Any]]", providers):
        if each.get("name") == provider and "opentelemetry" in each:
            collector = each["opentelemetry"]
            return cluster_name(collector["service"], collector["port"])
    return ""
