"""The mutual TLS mode of a workload, from the PeerAuthentication that applies to it."""

from collections.abc import Mapping
from typing import Literal

from petmesh.envoy.names import selects
from petmesh.mesh.mesh import Mesh

ROOT_NAMESPACE = "istio-system"
Mode = Literal["DISABLE", "PERMISSIVE", "STRICT"]


def mtls_mode(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], port: int | None = None
) -> Mode:
    """Return the narrowest PeerAuthentication's mode: port, then workload, namespace, mesh.

    Args:
        mesh: the declared objects.
        namespace: the workload's.
        labels: of its pods.
        port: of its container; None for what holds without a mode of the port's own.
    """
    ranked: list[tuple[int, Mode]] = []
    for policy in mesh.peer_authentications:
        declared, selector = policy.spec.mtls.mode, policy.spec.selector
        if policy.metadata.namespace == namespace and selector and selector.match_labels:
            if not selects(selector.match_labels, labels):
                continue
            rank = 3
            own = policy.spec.port_level_mtls.get(port or 0)
            if own and own.mode != "UNSET":
                rank, declared = 4, own.mode
        elif policy.metadata.namespace == namespace:
            rank = 2
        elif policy.metadata.namespace == ROOT_NAMESPACE and not selector:
            rank = 1
        else:
            continue
        if declared != "UNSET":
            ranked.append((rank, declared))
    return max(ranked, default=(0, "PERMISSIVE"), key=lambda rank: rank[0])[1]


def accepts_tls(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], port: int | None = None
) -> bool:
    """Return whether a workload accepts mutual TLS at a port."""
    return mtls_mode(mesh, namespace, labels, port) != "DISABLE"
