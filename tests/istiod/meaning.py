"""What a proxy's configuration means: what happens to a request, in a form that is compared."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from petmesh.envoy.routes import HTTP_PORT
from tests.istiod.plain import UNSEEN, Json, without
from tests.istiod.policies import claim, deciding, http_filter, network_filter
from tests.istiod.proxy import (
    HCM,
    TCP,
    Proxy,
    address_of,
    filters_of,
    first,
    port_of,
    route_of,
    target_of,
    virtual_host,
)

NOTHING: Final = "nothing"
_ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 (a name)
BLOCKED: Final = "BlackHoleCluster"
EndName = Callable[[Json], str]
_FAULT: Final = "envoy.filters.http.fault"
_CORS: Final = "envoy.filters.http.cors"
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


# ---------------------------------------------------------------------------- requests out


def outbound_of_istiod(proxy: Proxy, host: str, port: int, address: str | None) -> Any:  # noqa: ANN401
    """What comes of a call to a host and port, by listener and route."""
    listener = first(
        each
        for each in proxy.listeners.values()
        if address and address_of(each) == address and port_of(each) == port
    ) or first(
        each
        for each in proxy.listeners.values()
        if address_of(each) == _ANY_ADDRESS
        and port_of(each) == port
        and not each["name"].startswith("virtual")
    )
    if listener is None:
        return NOTHING
    chains: list[Any] = [
        *listener.get("filter_chains", ()),
        listener.get("default_filter_chain"),
    ]
    managers = [each for each in chains if each and filters_of(each)[0] == HCM]
    if managers:
        route = route_of(filters_of(managers[0])[1], proxy.routes)
        found = virtual_host(route, f"{host}:{port}" if not _is_sniffed(route) else "any")
        return _routes(found)
    for chain in filter(None, chains):
        names: list[str] = chain.get("filter_chain_match", {}).get("server_names", [])
        if not names or any(_covers(name, host) for name in names):
            return _connections(target_of(filters_of(chain)[1]))
    return NOTHING


def _is_sniffed(route: Json) -> bool:
    return ":" in route["name"]


def _covers(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def outbound_of_files(proxy: Proxy, host: str, port: int) -> Any:  # noqa: ANN401
    """What comes of a call to a host and port, by the route of the HTTP proxy."""
    # A client of an HTTP proxy leaves port 80 out.
    authority = host if port == HTTP_PORT else f"{host}:{port}"
    found = virtual_host(proxy.routes["http_proxy"], authority)
    if found and "connect_matcher" in found["routes"][0]["match"]:
        return _connections(found["routes"][0]["route"])
    return _routes(found)


def _connections(target: Json) -> Any:  # noqa: ANN401
    if target.get("cluster") in (BLOCKED, "PassthroughCluster"):
        return NOTHING
    return {"connections": _shares(target)}


def _routes(found: Json | None) -> Any:  # noqa: ANN401
    if found is None or found["name"] in ("block_all", "allow_any"):
        return NOTHING
    return {"requests": [route(each) for each in found.get("routes", ())]}


# ---------------------------------------------------------------------------- one route


def route(each: Json) -> Json:
    """One route: its condition and its effect."""
    held = without(each, UNSEEN)
    action = held.get("route")
    if action:
        held["route"] = {**_without_target(action), "to": _shares(each["route"])}
        if "retry_policy" in action:
            held["route"]["retry_policy"] = _retries(action["retry_policy"])
        # Without one Envoy waits 15 seconds, with 0 for ever.
        held["route"]["timeout"] = each["route"].get("timeout", 15.0)
        for copy in held["route"].get("request_mirror_policies", ()):
            copy["runtime_fraction"] = _percent(copy["runtime_fraction"]["default_value"])
    held["match"] = _match(each["match"])
    for key in ("request_headers_to_add", "response_headers_to_add"):
        if key in held:
            held[key] = sorted(map(_added, held[key]), key=str)
    filters = held.get("typed_per_filter_config", {})
    for config in filters.values():
        for what in ("delay", "abort"):
            if what in config:
                config[what]["percentage"] = _percent(config[what].get("percentage", {}))
    return held


def _without_target(action: Json) -> Json:
    return {k: v for k, v in action.items() if k not in ("cluster", "weighted_clusters")}


def _added(header: Json) -> Json:
    action = header.get("append_action", "APPEND_IF_EXISTS_OR_ADD")
    return {**header, "append_action": action}


def _shares(action: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The clusters of an action with their shares."""
    if "cluster" in action:
        return {action["cluster"]: 1.0}
    clusters = action["weighted_clusters"]["clusters"]
    total = sum(each.get("weight", 0) for each in clusters) or 1
    shares: Json = {}
    for each in clusters:
        rest = without({k: v for k, v in each.items() if k != "weight"}, UNSEEN)
        for key in ("request_headers_to_add", "response_headers_to_add"):
            if key in rest:
                rest[key] = sorted(map(_added, rest[key]), key=str)
        share = round(each.get("weight", 0) / total, 6)
        shares[each["name"]] = [share, rest] if rest else share
    return (
        shares
        if len(shares) > 1 or any(map(_is_list, shares.values()))
        else dict.fromkeys(shares, 1.0)
    )


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _retries(policy: Json) -> Json:
    kept = dict(policy)
    kept["retry_on"] = sorted(str(kept.get("retry_on", "")).split(","))
    kept["host_selection_retry_max_attempts"] = int(
        kept.get("host_selection_retry_max_attempts", 1)
    )
    return kept


def _match(match: Json) -> Json:
    held = without(match, frozenset(("name",)) - {"name"})
    # Without it Envoy heeds case.
    held["case_sensitive"] = match.get("case_sensitive", True)
    for key in ("headers", "query_parameters"):
        if key in held:
            held[key] = sorted(held[key], key=str)
    if "dynamic_metadata" in held:
        held["dynamic_metadata"] = sorted(
            (
                {**claim(each), "invert": each.get("invert", False)}
                for each in held["dynamic_metadata"]
            ),
            key=str,
        )
    return held


def _percent(fraction: Json) -> float:
    parts = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
    whole = parts[fraction.get("denominator", "HUNDRED")]
    return round(100 * fraction.get("numerator", 0) / whole, 4)


# ---------------------------------------------------------------------------- clusters


def cluster(proxy: Proxy, name: str, end: EndName) -> Json:
    """A cluster: its limits, balancing, and each endpoint with its TLS."""
    held = proxy.clusters[name]
    kept = ("ring_hash_lb_config", "maglev_lb_config")
    panic = held.get("common_lb_config", {}).get("healthy_panic_threshold")
    return {
        **limits(held),
        **without({key: held[key] for key in kept if key in held}, UNSEEN),
        "lb_policy": held.get("lb_policy", "ROUND_ROBIN"),
        "healthy_panic_threshold": panic.get("value", 0) if panic is not None else 50,
        "endpoints": {end(each): _tls_of_end(held, each) for each in proxy.endpoints.get(name, ())},
    }


def limits(held: Json) -> Json:
    """A cluster's limits of connections and requests, ejection, and protocol."""
    kept = (
        *("connect_timeout", "circuit_breakers", "outlier_detection"),
        "upstream_connection_options",
    )
    meaning: Json = without({key: held[key] for key in kept if key in held}, UNSEEN)
    if "outlier_detection" in held:
        rate = held["outlier_detection"].get("enforcing_success_rate", 100)
        meaning["outlier_detection"]["enforcing_success_rate"] = rate
    options = held.get("typed_extension_protocol_options", {}).get(_HTTP_OPTIONS, {})
    meaning["http"] = _http(options)
    return meaning


def _http(options: Json) -> Json:
    explicit = options.get("explicit_http_config", {})
    downstream = options.get("use_downstream_protocol_config")
    version = "http2" if "http2_protocol_options" in explicit else "http1"
    held = without(options.get("common_http_protocol_options", {}), UNSEEN)
    streams = explicit.get("http2_protocol_options", {}).get("max_concurrent_streams")
    return {
        "version": "downstream" if downstream is not None else version,
        **held,
        **without(options.get("upstream_http_protocol_options", {}), UNSEEN),
        **({"max_concurrent_streams": streams} if streams else {}),
    }


def _tls_of_end(held: Json, each: Json) -> Any:  # noqa: ANN401
    socket = held.get("transport_socket")
    matches = held.get("transport_socket_matches", ())
    told = each.get("metadata", {}).get("filter_metadata", {})
    marks: Json = told.get("envoy.transport_socket_match", {})
    for match in matches:
        if match.get("match", {}).items() <= marks.items():
            socket = match["transport_socket"]
            break
    return tls(socket)


def tls(socket: Json | None) -> Any:  # noqa: ANN401
    """The TLS of a transport socket: what is shown, and what is asked of the other side."""
    if socket is None or "raw_buffer" in socket["name"]:
        return "plain"
    config = socket["typed_config"]
    common = config.get("common_tls_context", {})
    combined = common.get("combined_validation_context", {})
    validation = combined.get("default_validation_context") or common.get("validation_context", {})
    names = [
        (each.get("san_type", ""), *sorted(each["matcher"].items()))
        for each in validation.get("match_typed_subject_alt_names", ())
    ] + [("", *sorted(each.items())) for each in validation.get("match_subject_alt_names", ())]
    params = common.get("tls_params", {})
    return {
        "sni": config.get("sni", ""),
        "names": sorted(str(each[1:]) for each in names),
        "certificate": bool(
            common.get("tls_certificates") or common.get("tls_certificate_sds_secret_configs")
        ),
        "verifies": bool(
            combined
            or validation.get("trusted_ca")
            or common.get("validation_context_sds_secret_config")
        ),
        "asks": bool(config.get("require_client_certificate")),
        "minimum": _version(params, "minimum", "TLSv1_2"),
        "maximum": _version(params, "maximum", "TLSv1_3"),
        "ciphers": params.get("cipher_suites", []),
    }


def _version(params: Json, bound: str, default: str) -> str:
    """A bound of TLS; by default Envoy's."""
    held = str(params.get(f"tls_{bound}_protocol_version", "TLS_AUTO"))
    return default if held == "TLS_AUTO" else held


# ---------------------------------------------------------------------------- connections in


def inbound_of_istiod(proxy: Proxy, port: int) -> Any:  # noqa: ANN401
    """What a port of a pod accepts: in the clear and by TLS, and whom it lets in."""
    listener = proxy.listeners.get("virtualInbound")
    chains = [
        each
        for each in (listener or {}).get("filter_chains", ())
        if each.get("filter_chain_match", {}).get("destination_port") == port
    ]
    return _accepted(proxy, chains, port)


def inbound_of_files(proxy: Proxy, port: int) -> Any:  # noqa: ANN401
    """What a port of a pod accepts."""
    listener = proxy.listeners.get(f"inbound_{port}")
    return _accepted(proxy, listener["filter_chains"] if listener else [], port)


def _accepted(proxy: Proxy, chains: list[Json], port: int) -> Any:  # noqa: ANN401
    accepted: Json = {}
    for chain in chains:
        name, config, before = filters_of(chain)
        kind = "requests" if name == HCM else "connections"
        secure = tls(chain.get("transport_socket"))
        how = "plain" if secure == "plain" else "tls"
        found: Json = {"tls": secure}
        if kind == "requests":
            found["filters"] = deciding(http_filter, config["http_filters"], port)
            found["manager"] = manager(config)
            found["routes"] = [
                route(each)
                for host in route_of(config, proxy.routes)["virtual_hosts"]
                for each in host["routes"]
            ]
        else:
            found["filters"] = deciding(network_filter, before, port)
            found["to"] = _shares(target_of(config))
        accepted.setdefault(f"{kind} by {how}", found)
    return accepted or NOTHING


def manager(config: Json) -> Json:
    """What a connection manager does to requests before and beside its routes."""
    kept = (
        *("normalize_path", "merge_slashes", "path_with_escaped_slashes_action"),
        *("use_remote_address", "xff_num_trusted_hops", "forward_client_cert_details"),
        *("server_name", "stream_idle_timeout", "request_timeout", "request_headers_timeout"),
        *("strip_trailing_host_dot", "proxy_100_continue", "set_current_client_cert_details"),
        "early_header_mutation_extensions",
    )
    held = without({key: config[key] for key in kept if key in config}, UNSEEN)
    # Envoy's defaults.
    if held.get("path_with_escaped_slashes_action") == "KEEP_UNCHANGED":
        del held["path_with_escaped_slashes_action"]
    held["stream_idle_timeout"] = config.get("stream_idle_timeout", 300.0)
    http1 = config.get("http_protocol_options", {})
    if http1.get("accept_http_10"):
        held["accept_http_10"] = True
    upgrades = {each["upgrade_type"] for each in config.get("upgrade_configs", ())}
    held["upgrades"] = sorted(upgrades - {"CONNECT"})
    return held


# ---------------------------------------------------------------------------- gateways


def gateway_of(proxy: Proxy, listener: Json | None, authorities: list[str], port: int) -> Any:  # noqa: ANN401
    """What a gateway's port does, by the server names of its chains and the hosts of requests."""
    if listener is None:
        return NOTHING
    result: Json = {}
    for chain in listener["filter_chains"]:
        names = chain.get("filter_chain_match", {}).get("server_names") or ["*"]
        name, config, before = filters_of(chain)
        found: Json = {"tls": tls(chain.get("transport_socket"))}
        if name == HCM:
            held = route_of(config, proxy.routes)
            found["hosts"] = {each: _served(held, each) for each in authorities}
            found["filters"] = deciding(http_filter, config["http_filters"], port)
            found["manager"] = manager(config)
        elif name == TCP:
            found["to"] = _shares(target_of(config))
            found["filters"] = deciding(network_filter, before, port)
        for each in names:
            result.setdefault(each, found)
    return result


_NOT_FOUND: Final = {
    "match": {"prefix": "/", "case_sensitive": True},
    "direct_response": {"status": 404},
}


def _served(held: Json, authority: str) -> Any:  # noqa: ANN401
    found = virtual_host(held, authority)
    if found is None or found["name"].startswith("blackhole"):
        return NOTHING
    routes = [route(each) for each in found.get("routes", ())]
    if routes and routes[-1] == _NOT_FOUND:
        # What no route matches is answered so anyway.
        routes.pop()
    return {"redirects": found.get("require_tls", "NONE"), "routes": routes}
