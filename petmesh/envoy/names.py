"""Names and small forms that all of Envoy's configuration shares."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
MESH_GATEWAY = "mesh"
UNLIMITED = 4294967295


def typed(type_: str, **fields: object) -> Json:
    """A message of a type of Envoy's API, as `Any`."""
    return {"@type": f"type.googleapis.com/{type_}", **fields}


def duration(seconds: float) -> str:
    """A duration as protobuf's JSON writes it, exact to the microsecond."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def cluster_name(host: str, port: int, subset: str = "") -> str:
    """Istiod's name of the cluster of a host's port and subset."""
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster_name(port: int) -> str:
    """Istiod's name of the cluster of a pod's own service."""
    return f"inbound|{port}||"


def sni_name(host: str, port: int, subset: str = "") -> str:
    """The server name that a sidecar asks for in mutual TLS."""
    return f"outbound_.{port}_.{subset}_.{host}"


def full_host(host: str, namespace: str) -> str:
    """A short service name, as an object of a namespace means it; other names as they are."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.cluster.local"


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every label of the selector is among the labels."""
    return selector.items() <= labels.items()


def spiffe(trust_domain: str, namespace: str, service_account: str) -> str:
    """The identity of a service account."""
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"
