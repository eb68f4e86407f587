"""Which connections a workload accepts: the peer authentication in force."""

from collections.abc import Mapping
from typing import Literal

from petmesh.envoy.names import selects
from petmesh.mesh.mesh import Mesh

ROOT_NAMESPACE = "istio-system"
Mode = Literal["DISABLE", "PERMISSIVE", "STRICT"]


def mode(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Mode:
    """The narrowest peer authentication's mode: a workload's, its namespace's, then the mesh's."""
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
    """Whether callers may use mutual TLS."""
    return mode(mesh, namespace, labels) != "DISABLE"
