"""A log of each request's decisions: the route, the rule and the endpoint that a proxy chose."""

from pathlib import Path
from typing import Final

from petmesh.envoy.names import Json, typed
from petmesh.mesh.fields import Metadata

# Names a request in every proxy's log; a proxy passes it on, an application may.
REQUEST_HEADER: Final = "x-petmesh-request"
_NAMESPACE: Final = "petmesh"
_FILE: Final = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_RBAC: Final = "envoy.filters.http.rbac"
_NETWORK_RBAC: Final = "envoy.filters.network.rbac"
_LOGGED: Final = ("http_connection_manager", "tcp_proxy")
_FIELDS: Final = {
    "request": f"%REQ({REQUEST_HEADER})%",
    "envoyRequest": "%REQ(X-REQUEST-ID)%",
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "method": "%REQ(:METHOD)%",
    "authority": "%REQ(:AUTHORITY)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "object": f"%METADATA(ROUTE:{_NAMESPACE}:object)%",
    "part": f"%METADATA(ROUTE:{_NAMESPACE}:part)%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "endpoint": "%UPSTREAM_HOST%",
    "denied": f"%DYNAMIC_METADATA({_RBAC}:deny_shadow_effective_policy_id)%",
    "allowed": f"%DYNAMIC_METADATA({_RBAC}:allow_shadow_effective_policy_id)%",
    "policies": f"%DYNAMIC_METADATA({_RBAC})%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "milliseconds": "%DURATION%",
}

# What differs in the log of connections that aren't HTTP.
_OF_CONNECTIONS: Final = {
    "details": "%CONNECTION_TERMINATION_DETAILS%",
    "denied": f"%DYNAMIC_METADATA({_NETWORK_RBAC}:deny_shadow_effective_policy_id)%",
    "allowed": f"%DYNAMIC_METADATA({_NETWORK_RBAC}:allow_shadow_effective_policy_id)%",
}


def decisions_file(folder: Path) -> Path:
    """Return the path of a proxy's log of decisions."""
    return folder / "decisions.log"


def decided_by(kind: str, metadata: Metadata, part: str) -> Json:
    """Return the metadata of a route or a filter chain: the declaring object, and where in it."""
    name = f"{kind} {metadata.namespace}/{metadata.name}"
    return {"filter_metadata": {_NAMESPACE: {"object": name, "part": part}}}


def with_decisions(listener: Json, file: Path) -> Json:
    """Return a listener that logs its decisions, one JSON object per line of a file."""
    chains: list[Json] = []
    for chain in listener["filter_chains"]:
        held: Json = chain.get("metadata", {}).get("filter_metadata", {}).get(_NAMESPACE, {})
        of_connections = chain["filters"][-1]["name"].endswith("tcp_proxy")
        fields = {
            "listener": listener["name"],
            **_FIELDS,
            **(_OF_CONNECTIONS if of_connections else {}),
            **held,
        }
        filters = [
            _logged(each, fields, file) if each["name"].endswith(_LOGGED) else each
            for each in shadowed(chain["filters"])
        ]
        chains.append({**chain, "filters": filters})
    return {**listener, "filter_chains": chains}


def shadowed(filters: list[Json]) -> list[Json]:
    """Return RBAC filters that also tell which policy matched, which Envoy tells of shadows alone.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rbac_filter
    """
    result: list[Json] = []
    for each in filters:
        config = each["typed_config"]
        if each["name"].startswith((_RBAC, _NETWORK_RBAC)) and "rules" in config:
            # ALLOW is the first of the enumeration, which another control plane leaves out.
            prefix = f"{config['rules'].get('action', 'ALLOW').lower()}_"
            config = {
                **config,
                "shadow_rules": config["rules"],
                "shadow_rules_stat_prefix": prefix,
            }
        result.append({**each, "typed_config": config})
    return result


def _logged(network_filter: Json, fields: Json, file: Path) -> Json:
    held: Json = network_filter["typed_config"]
    log = {
        "name": "envoy.access_loggers.file",
        "typed_config": typed(
            _FILE,
            path=str(file),
            log_format={"json_format": fields},
        ),
    }
    logged = {**held, "access_log": [*held.get("access_log", []), log]}
    if "http_filters" in held:
        logged["http_filters"] = shadowed(held["http_filters"])
    return {**network_filter, "typed_config": logged}
