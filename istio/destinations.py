"""DestinationRules: subsets by version, connection limits, outlier detection."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING

# Limits for each calling pod: far above what a healthy caller needs, low enough that a service that
# hangs is noticed by its callers before they run out of memory. maxRetries bounds the retries of a
# service in trouble. A pod whose node drops packets accepts no connection: every try of a request
# must have failed to connect before its route's timeout, which gives no reason.
CONNECTION_POOL = {
    "tcp": {"maxConnections": 200, "connectTimeout": "0.4s"},
    "http": {
        "http1MaxPendingRequests": 200,
        "http2MaxRequests": 400,
        "maxRetries": 20,
        "idleTimeout": idle.seconds(idle.POOL),
    },
}

# A pod that fails five times in a row is broken, not unlucky: even at one error in five that is one
# chance in 3,000. It is left out for 30 s, longer each time. Half of a version's pods stay in
# whatever happens, so that a fault that all of them share doesn't take the whole version away.
OUTLIER_DETECTION = {
    "consecutive5xxErrors": 5,
    "interval": "5s",
    "baseEjectionTime": "30s",
    "maxEjectionPercent": 50,
}

# A 5xx of a service that calls others may be their fault, or load that it sheds: to leave its pods
# out for that would give the rest more of it. They are left out where they can't be reached.
UNREACHED_DETECTION = {
    **OUTLIER_DETECTION,
    "consecutive5xxErrors": 0,
    "splitExternalLocalOriginErrors": True,
    "consecutiveLocalOriginFailures": 5,
}


def cluster_host(service: str, namespace: str) -> str:
    """A Service's name in the whole cluster."""
    return f"{service}.{namespace}.svc.cluster.local"


def destination_rule(
    service: str,
    namespace: str,
    versions: Sequence[str],
    opts: pulumi.ResourceOptions,
    *,
    answers_for_others: bool,
) -> CustomResource:
    """Return a service's DestinationRule, for routes to depend on.

    Args:
        service: The service's name.
        namespace: Its namespace.
        versions: Each gets a subset, whether it runs or not: a subset that outlives its pods can be
            named by a route at any moment of a release without being missing.
        opts: The rule's options; it is created after the namespace.
        answers_for_others: Whether the service calls others, whose failures become its own.
    """
    detection = UNREACHED_DETECTION if answers_for_others else OUTLIER_DETECTION
    return CustomResource(
        f"{service}-destination",
        api_version=NETWORKING,
        kind="DestinationRule",
        metadata={"name": service, "namespace": namespace},
        spec={
            "host": cluster_host(service, namespace),
            "trafficPolicy": {"connectionPool": CONNECTION_POOL, "outlierDetection": detection},
            "subsets": [{"name": version, "labels": {"version": version}} for version in versions],
        },
        opts=opts,
    )
