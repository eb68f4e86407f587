"""EnvoyFilters of the ingress gateway: an edge proxy's limits of time, and the rate limit."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import ENVOY_FILTER
from istio.install import INGRESS_NAMESPACE, INGRESS_SELECTOR
from istio.users import (
    ANY_PLACE,
    COOKIES,
    DRAWN,
    KNOWN,
    METADATA,
    PLACE_HEADER,
    REQUEST_ID,
    place_in_cookies,
)

_MANAGER = "envoy.filters.network.http_connection_manager"
_TYPE = "type.googleapis.com/envoy.extensions"

# From a request's first byte to the end of its head, and to its end: a client on a bad network
# needs a fraction of that, and what is public takes no bodies. One that is slower, or that never
# ends what it began, gets 408 and loses its connection.
HEAD_SECONDS = 10
REQUEST_SECONDS = 20
# Without a byte either way, for a client that doesn't read its response. Longer than a route's
# timeout, which tells a client more (`TIMEOUT` in istio/ingress.py).
STALLED_SECONDS = 60

# With these a client decides that its requests are traced, whatever the share that the mesh
# samples, or puts them into a trace of its own making. A trace begins at the ingress.
# https://www.w3.org/TR/trace-context/ and x-client-trace-id in
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers
TRACE_HEADERS = ("traceparent", "tracestate", "x-client-trace-id")
# With these it would decide a user's place, which the gateway draws.
USER_HEADERS = (PLACE_HEADER, REQUEST_ID)
# Of several lines of cookies the first one stays, so that all that look for a place look at the
# same: Envoy's routes match a header line by line, its filters see the lines joined. A client sends
# one line alone: https://www.rfc-editor.org/rfc/rfc6265#section-5.4
_ONE_LINE = {
    "append": {
        "header": {"key": COOKIES, "value": f"%REQ({COOKIES})%"},
        "append_action": "OVERWRITE_IF_EXISTS",
    }
}

_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"


def edge_filter(
    *, balanced: bool, keeps_users: bool, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return an EnvoyFilter that sets the gateway's HTTP connection manager for an edge proxy.

    Istio's own form of the times, `connectionSettings` of a proxy's configuration, came with 1.31:
    before that a pod which has it isn't injected. For a host's trailing dot and the headers of a
    trace Istio has no form. How many connections there may be is the pods' own configuration
    (`istio/install.py`).

    Args:
        balanced: Whether a load balancer that keeps its connections is the gateway's client.
        keeps_users: Whether users keep their side of every canary.
        opts: The EnvoyFilter's options; it is created after the gateway.

    Source:
        https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
    """
    removed = (*TRACE_HEADERS, *USER_HEADERS) if keeps_users else TRACE_HEADERS
    mutations = [*({"remove": header} for header in removed), *([_ONE_LINE] if keeps_users else [])]
    config = _connection_manager(idle.GATEWAY_BALANCED if balanced else idle.GATEWAY, mutations)
    return _envoy_filter(
        "edge",
        "NETWORK_FILTER",
        {"name": _MANAGER},
        {"operation": "MERGE", "value": {"name": _MANAGER, "typed_config": config}},
        opts,
    )


def rate_limit(requests_per_second: int, opts: pulumi.ResourceOptions) -> CustomResource:
    """Return an EnvoyFilter with Envoy's local rate limit: a token bucket in each gateway pod.

    A request over the limit gets 429. Istio has no API of its own for it. An EnvoyFilter writes
    into Envoy's configuration, which no version promises to keep, so this is the filter in the form
    that Istio's task documents, by its own type instead of a `TypedStruct`, which has istiod check
    the fields. It stands right before the router: what a policy denies takes no token.

    The limit is one for all clients. A limit for each client needs its address, which a load
    balancer of GKE's hides behind a node's, unless the Service has `externalTrafficPolicy: Local`.

    Args:
        requests_per_second: Of each gateway pod, from 1 to 100000; as many may come at once.
        opts: The EnvoyFilter's options; it is created after the gateway.

    Source:
        https://istio.io/latest/docs/tasks/policy-enforcement/rate-limit/
        https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter
    """
    value = {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": _local_rate_limit(requests_per_second),
    }
    return _http_filter("rate-limit", value, opts)


def user_filter(cookie: str, opts: pulumi.ResourceOptions) -> CustomResource:
    """Return an EnvoyFilter that notes a user's place, which a route then puts into headers.

    A route's header can be given a whole header of the request or dynamic metadata, but no single
    cookie, nor a part of the request's id. The cookie is read by the expression that the routes
    match, since Envoy's own reader of cookies takes others for it: quoted ones, the first of two.

    Args:
        cookie: The cookie's name.
        opts: The EnvoyFilter's options; it is created after the gateway.

    Source:
        https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/header_to_metadata_filter
    """
    noted = {"metadata_namespace": METADATA, "type": "STRING"}
    # Without a place nothing is left of the cookies, and nothing is noted.
    place = {"regex": f"{place_in_cookies(cookie, ANY_PLACE)}|^.*$"}
    known = {
        **noted,
        "key": KNOWN,
        "regex_value_rewrite": {"pattern": place, "substitution": r"\1"},
    }
    first = {"pattern": {"regex": f"^({ANY_PLACE}).*$"}, "substitution": r"\1"}
    drawn = {**noted, "key": DRAWN, "regex_value_rewrite": first}
    value = {
        "name": "envoy.filters.http.header_to_metadata",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.header_to_metadata.v3.Config",
            "request_rules": [
                {"header": COOKIES, "on_header_present": known},
                {"header": REQUEST_ID, "on_header_present": drawn},
            ],
        },
    }
    return _http_filter("users", value, opts)


def _http_filter(
    name: str, value: Mapping[str, object], opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return an EnvoyFilter of the ingress gateway that inserts an HTTP filter."""
    return _envoy_filter(
        name,
        "HTTP_FILTER",
        {"name": _MANAGER, "subFilter": {"name": "envoy.filters.http.router"}},
        {"operation": "INSERT_BEFORE", "value": value},
        opts,
    )


def _envoy_filter(
    name: str,
    apply_to: str,
    matched: Mapping[str, object],
    patch: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Return an EnvoyFilter of the ingress gateway with one patch.

    Args:
        name: Its name in Kubernetes.
        apply_to: What it patches: NETWORK_FILTER or HTTP_FILTER.
        matched: The network filter that is patched, or that has the HTTP filter.
        patch: The patch's operation and value, in the snake case of Envoy's API.
        opts: Its options.

    Source:
        https://istio.io/latest/docs/reference/config/networking/envoy-filter/
    """
    listener = {"filterChain": {"filter": matched}}
    return CustomResource(
        f"{name}-filter",
        api_version=ENVOY_FILTER,
        kind="EnvoyFilter",
        metadata={"name": name, "namespace": INGRESS_NAMESPACE},
        spec={
            "workloadSelector": {"labels": INGRESS_SELECTOR},
            "configPatches": [
                {
                    "applyTo": apply_to,
                    "match": {"context": "GATEWAY", "listener": listener},
                    "patch": patch,
                }
            ],
        },
        opts=opts,
    )


def _connection_manager(
    idle_seconds: int, mutations: Sequence[Mapping[str, object]]
) -> Mapping[str, object]:
    """The part of the connection manager that is set."""
    mutation = "http.early_header_mutation.header_mutation"
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
                    "@type": f"{_TYPE}.{mutation}.v3.HeaderMutation",
                    "mutations": mutations,
                },
            }
        ],
    }


def _local_rate_limit(requests_per_second: int) -> Mapping[str, object]:
    """The rate limit's configuration."""
    return {
        "@type": f"{_TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit",
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
