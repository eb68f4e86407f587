"""Idle timeouts of connections, hop by hop.

On each hop the client must close an idle connection first: where the server does, it may close the
connection just as a request is sent, and the caller gets 503 for a request that no pod saw. Not
every request may be retried, so the timeouts are declared. From the outside in, in seconds:

- a load balancer (`BALANCER`) sends to the ingress gateway (`GATEWAY_BALANCED`);
- a gateway's or a sidecar's pool (`POOL`) sends to the next sidecar (`LISTENER`);
- a sidecar's pool (`POOL`) sends to its own service (`IDLE_SECONDS` in
  `apps/httpservice/idle.py`), for the pool that a service's DestinationRule declares is its
  sidecar's too, where that sees its own host: `buildInboundCluster` in
  https://github.com/istio/istio/blob/1.31.1/pilot/pkg/networking/core/cluster_builder.go;
- a service's client (`CLIENT_IDLE_SECONDS` there) sends to its own sidecar (`LISTENER`);
- a sidecar's or the egress gateway's pool (`OUTSIDE_POOL`) sends to a host outside of the mesh.

`tests/unit/istio/test_idle.py` holds the declared objects to that order.
"""

from typing import Final

# Google's Application Load Balancers, and no setting of theirs changes it.
# https://cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends
BALANCER: Final = 600

# What Google advises for a server behind that.
GATEWAY_BALANCED: Final = 620

# Where clients come themselves, or by a load balancer of another make: AWS' and nginx keep a
# connection for 60 s. A client without requests holds one of the gateway's connections
# (`ingressConnections`) for as long.
GATEWAY: Final = 120

# Envoy's default for its listeners, which istiod leaves as it is (`idle_timeout` of
# https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/protocol.proto).
LISTENER: Final = 3600

# Of Envoy's connections to what is in the mesh: long enough that a service with a request now and
# then seldom needs a new one, and less than half of its server's own timeout.
POOL: Final = 30

# The timeouts of outside hosts aren't known: the shortest of widely used servers are 5 s, Node.js'
# and Apache's. A host that closes sooner still costs no request that is safe to send again
# (`istio/egress.py`).
OUTSIDE_POOL: Final = 4


def seconds(idle: int) -> str:
    """A time as a duration of Istio's and Envoy's."""
    return f"{idle}s"
