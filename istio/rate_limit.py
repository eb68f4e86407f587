"""How many requests the ingress lets in: what is beyond is answered 429 by the gateway itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from istio.envoy_filter import HTTP_CONNECTION_MANAGER, ingress_filter

_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"


@dataclass(frozen=True)
class RateLimitArgs:
    """How much is let in.

    Attributes:
        requests_per_second: Of each gateway pod, from 1 to 100000; as many may come at once.
        needs: What has to be there first: the ingress gateway.
    """

    requests_per_second: int
    needs: Sequence[pulumi.Resource]


class RateLimit(pulumi.ComponentResource):
    """An EnvoyFilter with Envoy's local rate limit: a token bucket in each gateway pod.

    Istio has no API of its own for it. An EnvoyFilter writes into Envoy's configuration, which no
    version promises to keep, so this is the filter in the form that Istio's task documents, by
    its own type instead of a `TypedStruct`, which has istiod check the fields. It stands right
    before the router: what a policy denies takes no token.

    The limit is one for all clients. A limit for each client needs its address, which a load
    balancer of GKE's hides behind a node's, unless the Service has `externalTrafficPolicy: Local`.

    Attributes:
        ready: The EnvoyFilter, for what is public to depend on.

    Source:
        https://istio.io/latest/docs/tasks/policy-enforcement/rate-limit/
        https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter
    """

    def __init__(
        self, name: str, args: RateLimitArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:RateLimit", name, None, opts)
        self.ready = ingress_filter(
            name,
            "HTTP_FILTER",
            {
                "name": HTTP_CONNECTION_MANAGER,
                "subFilter": {"name": "envoy.filters.http.router"},
            },
            {
                "operation": "INSERT_BEFORE",
                "value": {
                    "name": "envoy.filters.http.local_ratelimit",
                    "typed_config": _local_rate_limit(args.requests_per_second),
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


def _local_rate_limit(requests_per_second: int) -> dict[str, object]:
    """The filter's configuration, in the snake case of Envoy's API."""
    return {
        "@type": "type.googleapis.com/"
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "ingress",
        "token_bucket": {
            "max_tokens": requests_per_second,
            "tokens_per_fill": requests_per_second,
            "fill_interval": "1s",
        },
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
        "response_headers_to_add": [
            {"append_action": _OVERWRITE, "header": {"key": "retry-after", "value": "1"}}
        ],
    }
