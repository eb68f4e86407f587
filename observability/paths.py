"""The network paths of the observability namespace: what no policy opens is closed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_kubernetes as kubernetes

from observability.place import Place

NAME_LABEL = "app.kubernetes.io/name"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
DNS_PORT = 53
# The API server's address is each cluster's own, and outside its pods' range.
API_SERVER_PORTS = (443, 6443)


@dataclass(frozen=True)
class Path:
    """The other end of a path, and its TCP ports there or here.

    Attributes:
        ports: TCP ports of the pods, which may differ from their Service's.
        app: The pods' label `app.kubernetes.io/name`, in the observability namespace.
        namespaces: Or any pod of these namespaces. With neither it is any address.
    """

    ports: Sequence[int]
    app: str = ""
    namespaces: Sequence[str] = ()


API_SERVER = Path(API_SERVER_PORTS)


def close(place: Place) -> kubernetes.networking.v1.NetworkPolicy:
    """Close a namespace's pods to and from everything but DNS."""
    return kubernetes.networking.v1.NetworkPolicy(
        f"{place.namespace}-default",
        metadata={"name": "default", "namespace": place.namespace},
        spec={
            "pod_selector": {},
            "policy_types": ["Ingress", "Egress"],
            "egress": [
                {"ports": [{"protocol": each, "port": DNS_PORT} for each in ("UDP", "TCP")]}
            ],
        },
        opts=place.options,
    )


def open_paths(
    app: str,
    place: Place,
    callers: Sequence[Path] = (),
    called: Sequence[Path] = (),
) -> kubernetes.networking.v1.NetworkPolicy:
    """Open the paths of one application.

    Args:
        app: Its pods' label `app.kubernetes.io/name`.
        place: Where they are.
        callers: Who may call it.
        called: Whom it may call.
    """
    return kubernetes.networking.v1.NetworkPolicy(
        f"{app}-paths",
        metadata={"name": app, "namespace": place.namespace},
        spec={
            "pod_selector": {"match_labels": {NAME_LABEL: app}},
            "policy_types": ["Ingress", "Egress"],
            "ingress": [{"from_": _peers(path), "ports": _ports(path)} for path in callers],
            "egress": [{"to": _peers(path), "ports": _ports(path)} for path in called],
        },
        opts=place.options,
    )


def _peers(path: Path) -> list[kubernetes.networking.v1.NetworkPolicyPeerArgsDict]:
    if path.app:
        return [{"pod_selector": {"match_labels": {NAME_LABEL: path.app}}}]
    return [
        {"namespace_selector": {"match_labels": {NAMESPACE_LABEL: namespace}}}
        for namespace in path.namespaces
    ]


def _ports(path: Path) -> list[kubernetes.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in path.ports]
