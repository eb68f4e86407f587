"""Names and small forms that all of Envoy's configuration shares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
MESH_GATEWAY = "mesh"
UNLIMITED = 4294967295


def typed(type_: str, **fields: object) -> Json:
    """Return a message of a type of Envoy's API, as `Any`."""
    return {"@type": f"type.googleapis.com/{type_}", **fields}


def duration(seconds: float) -> str:
    """Return a duration in protobuf's JSON form, exact to the microsecond."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def cluster_name(host: str, port: int, subset: str = "") -> str:
    """Return istiod's name of the cluster of a host's port and subset."""
    return f"outbound|{port}|{subset}|{host}"


def cluster_parts(name: str) -> tuple[str, str, str]:
    """Return host, port and subset of istiod's name of a cluster."""
    _, port, subset, host = [*name.split("|"), "", "", ""][:4]
    return host, port, subset


def inbound_cluster_name(port: int) -> str:
    """Return istiod's name of the cluster of a pod's own process."""
    return f"inbound|{port}||"


def sni_name(host: str, port: int, subset: str = "") -> str:
    """Return the server name (SNI) that a sidecar sends in mutual TLS."""
    return f"outbound_.{port}_.{subset}_.{host}"


def full_host(host: str, namespace: str) -> str:
    """Return the full name of a short host in an object of a namespace; others unchanged."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.cluster.local"


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether the labels have every label of the selector."""
    return selector.items() <= labels.items()


def file_source(file: Path) -> Json:
    """Return the ConfigSource of a file that Envoy reloads when another is moved onto it."""
    return {
        "path_config_source": {
            "path": str(file),
            "watched_directory": {"path": str(file.parent)},
        },
        "resource_api_version": "V3",
    }


def spiffe(trust_domain: str, namespace: str, service_account: str) -> str:
    """Return the SPIFFE identity of a ServiceAccount."""
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"
