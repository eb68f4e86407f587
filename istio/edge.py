"""What the ingress gateway bears of clients that nobody knows: their time, and their oddities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from istio import idle
from istio.envoy_filter import HTTP_CONNECTION_MANAGER, ingress_filter

_TYPE = "type.googleapis.com/envoy.extensions"

# From a request's first byte to the end of its head, and to its end: a client on a bad network
# needs a fraction of that, and what is public takes no bodies. One that is slower, or that never
# ends what it began, gets 408 and loses its connection.
HEAD_SECONDS = 10
REQUEST_SECONDS = 20
# Without a byte either way, for a client that doesn't take its answer. Longer than a route's
# timeout, which tells a client more (`TIMEOUT` in istio/ingress.py).
STALLED_SECONDS = 60

# With these a caller decides that its requests are traced, whatever the share that the mesh
# samples, or puts them into a trace of its own making. A trace begins at the ingress.
# https://www.w3.org/TR/trace-context/ and x-client-trace-id in
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers
TRACE_HEADERS = ("traceparent", "tracestate", "x-client-trace-id")


@dataclass(frozen=True)
class EdgeArgs:
    """Who asks the gateway.

    Attributes:
        balanced: Whether a load balancer that keeps its connections stands before the gateway, and
            not the clients themselves.
        needs: What the EnvoyFilter is created after: the ingress gateway.
    """

    balanced: bool
    needs: Sequence[pulumi.Resource]


class Edge(pulumi.ComponentResource):
    """An EnvoyFilter that sets the gateway's HTTP connection manager for an edge proxy.

    Istio's own form of the times, `connectionSettings` of a proxy's configuration, came with 1.31:
    before that a pod which has it isn't injected. A host's trailing dot and the headers of a trace
    no form of Istio's tells. How many connections there may be is the pods' own configuration
    (`istio/install.py`).

    Attributes:
        ready: The EnvoyFilter, for what is public to depend on.

    Source:
        https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
    """

    def __init__(
        self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:Edge", name, None, opts)
        self.ready = ingress_filter(
            name,
            "NETWORK_FILTER",
            {"name": HTTP_CONNECTION_MANAGER},
            {
                "operation": "MERGE",
                "value": {"name": HTTP_CONNECTION_MANAGER, "typed_config": _manager(args)},
            },
            pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


def _manager(args: EdgeArgs) -> Mapping[str, object]:
    """The part of the connection manager that is set, in the snake case of Envoy's API."""
    idle_seconds = idle.GATEWAY_BALANCED if args.balanced else idle.GATEWAY
    return {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "request_headers_timeout": f"{HEAD_SECONDS}s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": f"{STALLED_SECONDS}s",
        "common_http_protocol_options": {"idle_timeout": idle.seconds(idle_seconds)},
        # `pets.example.com.` is the same name as `pets.example.com`, written in full.
        "strip_trailing_host_dot": True,
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_TYPE}.http.early_header_mutation.header_mutation.v3"
                    ".HeaderMutation",
                    "mutations": [{"remove": header} for header in TRACE_HEADERS],
                },
            }
        ],
    }
