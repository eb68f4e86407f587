"""One route of a VirtualService in Envoy's form: what happens to a request that it matches."""

from collections.abc import Iterable, Mapping

from petmesh.envoy.callers import Caller
from petmesh.envoy.decisions import decided_by
from petmesh.envoy.delegates import Routed
from petmesh.envoy.destination_rules import hash_policies
from petmesh.envoy.match import route_match, string_match
from petmesh.envoy.names import Json, cluster_name, duration, full_host, typed
from petmesh.mesh.istio.common import Percent
from petmesh.mesh.istio.replies import HttpRedirect
from petmesh.mesh.istio.virtual_service import (
    CorsPolicy,
    Destination,
    HeaderOperations,
    Headers,
    HttpFault,
    HttpRetry,
    HttpRoute,
)
from petmesh.mesh.mesh import Mesh

FAULT = "envoy.filters.http.fault"
CORS = "envoy.filters.http.cors"
# istiod's default retry policy.
_DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_DEFAULT_RETRIES = 2
_PREVIOUS_HOSTS = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
}
_REDIRECTS = {
    0: "MOVED_PERMANENTLY",
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_OWN_PORTS = {"http": 80, "https": 443}
_AUTHORITIES = ("host", ":authority")


def translate(mesh: Mesh, routed: Routed, port: int, caller: Caller, *, secure: bool) -> Json:
    """Return a route.

    Args:
        mesh: the declared objects.
        routed: the route and its match.
        port: the port that is called.
        caller: the calling proxy.
        secure: whether the request came by TLS that ended here.
    """
    route, match = routed.route, routed.match
    name = route.name + (f".{match.name}" if match and match.name else "")
    translated: Json = {"name": name, "match": route_match(match)}
    if route.redirect:
        translated["redirect"] = _redirect(route.redirect, port, secure=secure)
    elif route.direct_response:
        body = route.direct_response.body
        response: Json = {"status": route.direct_response.status}
        if body:
            held = {"inline_string": body.string, "inline_bytes": body.bytes}
            response["body"] = {k: v for k, v in held.items() if v is not None}
        translated["direct_response"] = response
    else:
        translated["route"] = _action(mesh, routed, port, caller)
    translated |= _header_fields(_changed(route.headers, _single(route)))
    per_filter = _per_filter(route)
    if per_filter:
        translated["typed_per_filter_config"] = per_filter
    decided = decided_by(routed.owner.kind, routed.owner.metadata, routed.part)
    return translated | {"metadata": decided}


def requests_cluster(
    mesh: Mesh, destination: Destination, namespace: str, listened: int, caller: Caller
) -> str:
    """Return the cluster of a destination of requests.

    A sidecar knows a host at the called port alone, so that this is the port where none is declared
    (`BuildSidecarOutboundVirtualHosts` in pilot/pkg/networking/core/httproute.go).
    """
    if caller.is_sidecar and not destination.port:
        host = full_host(destination.host, namespace)
        return cluster_name(host, listened, destination.subset)
    return destination_cluster(mesh, destination, namespace, listened)


def destination_cluster(mesh: Mesh, destination: Destination, namespace: str, listened: int) -> str:
    """Return a destination's cluster; its port is declared, the host's only, or the called."""
    host = full_host(destination.host, namespace)
    if destination.port:
        return cluster_name(host, destination.port.number, destination.subset)
    ports = [
        [port.port for port in service.spec.ports]
        for service in mesh.services
        if mesh.service_host(service) == host
    ] + [
        [port.number for port in entry.spec.ports]
        for entry in mesh.service_entries
        if host in entry.spec.hosts
    ]
    port = ports[0][0] if ports and len(ports[0]) == 1 else listened
    return cluster_name(host, port, destination.subset)


def _action(mesh: Mesh, routed: Routed, port: int, caller: Caller) -> Json:
    route, namespace = routed.route, routed.owner.metadata.namespace

    def cluster_of(each: Destination) -> str:
        return requests_cluster(mesh, each, namespace, port, caller)

    action: Json = {"timeout": duration(route.timeout or 0.0)}
    if len(route.route) == 1:
        destination = route.route[0].destination
        action["cluster"] = cluster_of(destination)
    else:
        # istiod drops destinations of weight 0; the total is the sum of the others.
        action["weighted_clusters"] = {
            "clusters": [
                {
                    "name": cluster_of(weighted.destination),
                    "weight": weighted.weight,
                    **_header_fields(_changed(weighted.headers)),
                    **_host_rewrite(weighted.headers),
                }
                for weighted in route.route
                if weighted.weight
            ]
        }
    if route.copies:
        action["request_mirror_policies"] = [
            {
                "cluster": cluster_of(copy.destination),
                "runtime_fraction": {"default_value": _fraction(copy.percentage)},
                "disable_shadow_host_suffix_append": True,
            }
            for copy in route.copies
            if copy.percentage is None or copy.percentage.value > 0
        ]
    action |= _rewrites(route)
    hosts = dict.fromkeys(full_host(each.destination.host, namespace) for each in route.route)
    hashed = [
        policy for host in hosts for policy in hash_policies(mesh, host, caller.namespace, port)
    ]
    if hashed:
        action["hash_policy"] = hashed
    retries = route.retries or mesh.config.default_http_retry_policy
    policy = retry_policy(retries, hashed=bool(hashed))
    if policy:
        action["retry_policy"] = policy
    return action


def _rewrites(route: HttpRoute) -> Json:
    rewritten: Json = {}
    rewrite = route.rewrite
    if rewrite and rewrite.uri_regex_rewrite:
        rewritten["regex_rewrite"] = {
            "pattern": {"regex": rewrite.uri_regex_rewrite.match},
            "substitution": rewrite.uri_regex_rewrite.rewrite,
        }
    elif rewrite and rewrite.uri:
        rewritten["prefix_rewrite"] = rewrite.uri
    # The rewrite comes before a header of the route, and that before one of its destination.
    rewritten |= _host_rewrite(_single(route)) | _host_rewrite(route.headers)
    if rewrite and rewrite.authority:
        rewritten["host_rewrite_literal"] = rewrite.authority
    return rewritten


def _host_rewrite(changes: Headers | None) -> Json:
    """Return the rewrite of a host that is set as a header."""
    values = changes.request.set if changes and changes.request else {}
    hosts = [value for key, value in values.items() if key.lower() in _AUTHORITIES]
    return {"host_rewrite_literal": hosts[0]} if hosts else {}


def _single(route: HttpRoute) -> Headers | None:
    """Return the changes of headers of a route's only destination."""
    return route.route[0].headers if len(route.route) == 1 else None


def _redirect(redirect: HttpRedirect, port: int, *, secure: bool) -> Json:
    translated: Json = {"response_code": _REDIRECTS[redirect.redirect_code]}
    if redirect.scheme:
        translated["scheme_redirect"] = redirect.scheme
    if redirect.prefix_rewrite:
        translated["prefix_rewrite"] = redirect.prefix_rewrite
    elif redirect.uri:
        translated["path_redirect"] = redirect.uri
    if redirect.authority:
        translated["host_redirect"] = redirect.authority
    derived = port if redirect.derive_port == "FROM_REQUEST_PORT" else None
    number = redirect.port or derived
    # istiod leaves out a scheme's own port.
    if number and number != _OWN_PORTS[redirect.scheme or ("https" if secure else "http")]:
        translated["port_redirect"] = number
    return translated


def _changed(*changes: Headers | None) -> tuple[HeaderOperations, HeaderOperations]:
    """Return the changes of request and response, united."""
    requests = [each.request for each in changes if each and each.request]
    responses = [each.response for each in changes if each and each.response]
    return _united(requests), _united(responses)


def _united(operations: Iterable[HeaderOperations]) -> HeaderOperations:
    united = HeaderOperations()
    for each in operations:
        united = HeaderOperations(
            set={**united.set, **each.set},
            add={**united.add, **each.add},
            remove=(*united.remove, *each.remove),
        )
    return united


def _header_fields(changed: tuple[HeaderOperations, HeaderOperations]) -> Json:
    fields: Json = {}
    for what, operations in zip(("request", "response"), changed, strict=True):
        added = [
            *_added(operations.set, "OVERWRITE_IF_EXISTS_OR_ADD"),
            *_added(operations.add, "APPEND_IF_EXISTS_OR_ADD"),
        ]
        if added:
            fields[f"{what}_headers_to_add"] = added
        if operations.remove:
            fields[f"{what}_headers_to_remove"] = list(operations.remove)
    return fields


def _added(values: Mapping[str, str], action: str) -> list[Json]:
    return [
        {"header": {"key": key, "value": value}, "append_action": action}
        for key, value in values.items()
        if key.lower() not in _AUTHORITIES
    ]


def _per_filter(route: HttpRoute) -> Json:
    config: Json = {}
    if route.fault:
        config[FAULT] = _fault(route.fault)
    if route.cors_policy:
        config[CORS] = _cors(route.cors_policy)
    return config


def _fault(fault: HttpFault) -> Json:
    config: Json = {}
    if fault.delay:
        percentage = fault.delay.percentage
        if percentage is None and fault.delay.percent is not None:
            percentage = Percent(value=fault.delay.percent)
        config["delay"] = {
            "fixed_delay": duration(fault.delay.fixed_delay),
            # Without a percentage nothing is delayed, nor aborted.
            "percentage": _fraction(percentage or Percent()),
        }
    if fault.abort:
        abort: Json = {"percentage": _fraction(fault.abort.percentage or Percent())}
        if fault.abort.http_status is not None:
            abort["http_status"] = fault.abort.http_status
        else:
            abort["grpc_status"] = _GRPC_STATUS[fault.abort.grpc_status]
        config["abort"] = abort
    return typed("envoy.extensions.filters.http.fault.v3.HTTPFault", **config)


# https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
_GRPC_STATUS = {
    name: number
    for number, name in enumerate(
        (
            *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
            *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
            *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
            "UNAUTHENTICATED",
        )
    )
}


def _cors(policy: CorsPolicy) -> Json:
    origins = [string_match(each) for each in policy.allow_origins]
    origins += [{"exact": each} for each in policy.allow_origin]
    config: Json = {
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "allow_origin_string_match": origins,
        "allow_methods": ",".join(policy.allow_methods),
        "allow_headers": ",".join(policy.allow_headers),
        "expose_headers": ",".join(policy.expose_headers),
    }
    if policy.allow_credentials is not None:
        config["allow_credentials"] = policy.allow_credentials
    if policy.max_age is not None:
        config["max_age"] = str(round(policy.max_age))
    config["forward_not_matching_preflights"] = policy.unmatched_preflights != "IGNORE"
    return typed("envoy.extensions.filters.http.cors.v3.CorsPolicy", **config)


def _fraction(percentage: Percent | None) -> Json:
    percent = 100.0 if percentage is None else percentage.value
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}


def retry_policy(retries: HttpRetry | None, *, hashed: bool = False) -> Json | None:
    """Return Envoy's form of a retry policy or of istiod's default; None if retries are off.

    Args:
        retries: as declared; None for the default.
        hashed: whether a hash selects the pod, which a retry then asks again.
    """
    policy: Json = {
        "num_retries": _DEFAULT_RETRIES,
        "retry_on": _DEFAULT_RETRY_ON,
        "host_selection_retry_max_attempts": "5",
        **({} if hashed else {"retry_host_predicate": [_PREVIOUS_HOSTS]}),
    }
    if retries is None:
        return policy
    if retries.attempts <= 0:
        return None
    policy["num_retries"] = retries.attempts
    if retries.retry_on:
        conditions = [part.strip() for part in retries.retry_on.split(",") if part.strip()]
        codes = [int(part) for part in conditions if part.isdigit()]
        names = [part for part in conditions if not part.isdigit()]
        if codes and "retriable-status-codes" not in names:
            names.append("retriable-status-codes")
        policy["retry_on"] = ",".join(names)
        if codes:
            policy["retriable_status_codes"] = codes
    if retries.per_try_timeout is not None:
        policy["per_try_timeout"] = duration(retries.per_try_timeout)
    if retries.retry_ignore_previous_hosts is False:
        policy.pop("retry_host_predicate", None)
    elif retries.retry_ignore_previous_hosts:
        policy["retry_host_predicate"] = [_PREVIOUS_HOSTS]
    if retries.backoff is not None:
        policy["retry_back_off"] = {"base_interval": duration(retries.backoff)}
    return policy
