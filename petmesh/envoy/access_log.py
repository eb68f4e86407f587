"""Access logs of a proxy, as the mesh's Telemetry configures them."""

from pathlib import Path

from petmesh.envoy.names import Json, typed
from petmesh.mesh.mesh import Mesh

_FILE = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_CEL = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
# The first fields of Istio's default JSON format, under its names.
_FIELDS = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "duration": "%DURATION%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_host": "%UPSTREAM_HOST%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
}


def with_access_log(listener: Json, mesh: Mesh, file: Path) -> Json:
    """Return a listener with the access logs of its proxy, one JSON object per line of the file."""
    side = "SERVER" if listener["name"].startswith("inbound") else "CLIENT"
    logs = [
        _log(file, log.filter.expression if log.filter else "")
        for log in mesh.access_logging
        if not log.disabled and log.is_local and log.match.mode in (side, "CLIENT_AND_SERVER")
    ]
    if not logs:
        return listener
    chains: list[Json] = []
    for chain in listener["filter_chains"]:
        *before, last = chain["filters"]
        config = {**last["typed_config"], "access_log": logs}
        chains.append({**chain, "filters": [*before, {**last, "typed_config": config}]})
    return {**listener, "filter_chains": chains}


def _log(file: Path, expression: str) -> Json:
    log: Json = {
        "name": "envoy.access_loggers.file",
        "typed_config": typed(_FILE, path=str(file), log_format={"json_format": _FIELDS}),
    }
    if expression:
        log["filter"] = {
            "extension_filter": {
                "name": "envoy.access_loggers.extension_filters.cel",
                "typed_config": typed(_CEL, expression=expression),
            }
        }
    return log
