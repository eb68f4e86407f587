"""How a service's callers treat it: subsets by version, connection limits, outlier detection."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING

# Limits for each calling pod: far above what a healthy caller needs, low enough that a service that
# hangs is noticed by its callers before they run out of memory. maxRetries bounds how much a
# service in trouble is asked again. A pod whose node drops packets answers no connection: every try
# of a request must have failed to connect before its route's timeout, which tells nobody why.
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


@dataclass(frozen=True)
class DestinationArgs:
    """What a destination is made of.

    Attributes:
        service: The service's name.
        namespace: Its namespace.
        versions: Each gets a subset, whether it runs or not: a subset that outlives its pods can be
            named by a route at any moment of a release without being missing.
        needs: What has to be there first: the namespace.
        answers_for_others: Whether the service calls others, whose failures become its own.
    """

    service: str
    namespace: str
    versions: Sequence[str]
    needs: Sequence[pulumi.Resource]
    answers_for_others: bool = False


class Destination(pulumi.ComponentResource):
    """A service's DestinationRule.

    Attributes:
        host: The service's name in the whole cluster.
        rule: The DestinationRule, for routes to depend on.
    """

    def __init__(
        self, name: str, args: DestinationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:Destination", name, None, opts)
        self.host = f"{args.service}.{args.namespace}.svc.cluster.local"
        self.rule = CustomResource(
            name,
            api_version=NETWORKING,
            kind="DestinationRule",
            metadata={"name": args.service, "namespace": args.namespace},
            spec={
                "host": self.host,
                "trafficPolicy": {
                    "connectionPool": CONNECTION_POOL,
                    "outlierDetection": UNREACHED_DETECTION
                    if args.answers_for_others
                    else OUTLIER_DETECTION,
                },
                "subsets": [
                    {"name": version, "labels": {"version": version}} for version in args.versions
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})
