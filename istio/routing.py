"""The route to a service: by weight between its stable version and its canary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING

TESTER_HEADER = "x-canary"
TESTER_COOKIE = "canary"
TESTER_VALUE = "always"
WEIGHTED = "weighted"

# The callers only ever GET, so that asking again is safe. Two more tries of half a second fit into
# the whole: a caller waits 1.5 s at the most, less than its own deadline.
CALLER_DEADLINE_SECONDS = "2"
TIMEOUT = "1.5s"
RETRIES = {"attempts": 2, "perTryTimeout": "0.5s", "retryOn": "5xx"}


@dataclass(frozen=True)
class WeightedRouteArgs:
    """What a route is made of.

    Attributes:
        service: The service's name.
        namespace: Its namespace.
        host: Its name in the whole cluster.
        needs: What has to be there first: the destination's subsets and the pods in them.
        stable: The version that gets what the canary doesn't.
        canary: The version that is tried out; empty for none.
        canary_weight: The canary's percent of the requests, 0 to 100.
        canary_mirror_percent: The percent of the requests that the canary gets copies of, 0 to 100.
            Nobody waits for the answers. The testers' requests aren't copied: it has them already.
    """

    service: str
    namespace: str
    host: str
    needs: Sequence[pulumi.Resource]
    stable: str
    canary: str = ""
    canary_weight: int = 0
    canary_mirror_percent: int = 0


class WeightedRoute(pulumi.ComponentResource):
    """A service's VirtualService, the one resource that a change of weight changes.

    Requests with the header `x-canary: always` or the cookie `canary=always` go to the canary
    whatever its weight.

    Attributes:
        weights: Each version's percent, once the route is in force.
    """

    def __init__(
        self, name: str, args: WeightedRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:WeightedRoute", name, None, opts)
        weights = {args.stable: 100 - args.canary_weight}
        if args.canary:
            weights[args.canary] = args.canary_weight
        route = CustomResource(
            f"{name}-route",
            api_version=NETWORKING,
            kind="VirtualService",
            metadata={"name": args.service, "namespace": args.namespace},
            spec={
                "hosts": [args.host],
                "http": [
                    *([_testers(args)] if args.canary else []),
                    {
                        "name": WEIGHTED,
                        "route": [
                            {"destination": _subset(args, version), "weight": weight}
                            for version, weight in weights.items()
                        ],
                        "timeout": TIMEOUT,
                        "retries": RETRIES,
                        **(_mirror(args) if args.canary_mirror_percent else {}),
                    },
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.weights: pulumi.Output[Mapping[str, int]] = route.id.apply(lambda _: weights)
        self.register_outputs({"weights": self.weights})


def _testers(args: WeightedRouteArgs) -> Mapping[str, object]:
    # A header that comes twice is one with a list of values.
    # https://www.rfc-editor.org/rfc/rfc9110#section-5.2
    header = rf"^(.*,\s*)?{TESTER_VALUE}(\s*,.*)?$"
    cookie = rf"^(.*;\s*)?{TESTER_COOKIE}={TESTER_VALUE}(;.*)?$"
    return {
        "name": "testers",
        "match": [
            {"headers": {TESTER_HEADER: {"regex": header}}},
            {"headers": {"cookie": {"regex": cookie}}},
        ],
        "route": [{"destination": _subset(args, args.canary), "weight": 100}],
        "timeout": TIMEOUT,
        "retries": RETRIES,
    }


def _mirror(args: WeightedRouteArgs) -> Mapping[str, object]:
    return {
        "mirror": _subset(args, args.canary),
        "mirrorPercentage": {"value": args.canary_mirror_percent},
    }


def _subset(args: WeightedRouteArgs, version: str) -> Mapping[str, object]:
    return {"host": args.host, "subset": version}
