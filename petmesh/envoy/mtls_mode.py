"""The mutual TLS mode of a workload, from the PeerAuthentication that applies to it."""

from collections.abc import Mapping
from typing import Literal

from petmesh.envoy.names import selects
from petmesh.mesh.mesh import Mesh

ROOT_NAMESPACE = "istio-system"
Mode = Literal["DISABLE", "PERMISSIVE", "STRICT"]


def mtls_mode(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Mode:
    """Return the narrowest PeerAuthentication's mode: workload, then namespace, then mesh."""
    ranked: list[tuple[int, Mode]] = []
    for policy in mesh.peer_authentications:
        declared, selector = policy.spec.mtls.mode, policy.spec.selector
        if declared == "UNSET":
            continue
        if policy.metadata.namespace == namespace and selector:
            if selects(selector.match_labels, labels):
                ranked.append((3, declared))
        elif policy.metadata.namespace == namespace:
            ranked.append((2, declared))
        elif policy.metadata.namespace == ROOT_NAMESPACE and not selector:
            ranked.append((1, declared))
    return max(ranked, default=(0, "PERMISSIVE"), key=lambda rank: rank[0])[1]


def accepts_tls(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> bool:
    """Return whether a workload accepts mutual TLS."""
    return mtls_mode(mesh, namespace, labels) != "DISABLE"
