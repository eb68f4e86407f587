"""Which matches of a route hold for a proxy: its labels, namespace, gateways and port."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from petmesh.envoy.names import MESH_GATEWAY, selects
from petmesh.envoy.topology import GatewayPod, Pod
from petmesh.mesh.mesh import Mesh


@dataclass(frozen=True)
class Caller:
    """A proxy that routes requests.

    Attributes:
        gateways: `mesh` for a sidecar, else the Gateways whose selector it has, as namespace/name.
    """

    namespace: str
    labels: Mapping[str, str]
    gateways: frozenset[str] = frozenset({MESH_GATEWAY})

    @property
    def is_sidecar(self) -> bool:
        """Whether it is no gateway."""
        return MESH_GATEWAY in self.gateways


class Match(Protocol):
    """The fields of a match that tell which proxies it holds for."""

    @property
    def port(self) -> int | None:
        """The port that is called."""
        ...

    @property
    def source_labels(self) -> dict[str, str]:
        """Labels of the calling pod."""
        ...

    @property
    def source_namespace(self) -> str:
        """The calling pod's namespace."""
        ...

    @property
    def gateways(self) -> tuple[str, ...]:
        """Gateways that replace the VirtualService's own."""
        ...


def sidecar(pod: Pod) -> Caller:
    """Return a pod's sidecar as a caller."""
    return Caller(pod.namespace, pod.labels)


def gateway(mesh: Mesh, proxy: GatewayPod) -> Caller:
    """Return a gateway pod as a caller."""
    return Caller(
        proxy.namespace,
        proxy.labels,
        frozenset(
            f"{each.metadata.namespace}/{each.metadata.name}"
            for each in mesh.gateways
            if selects(each.spec.selector, proxy.labels)
        ),
    )


def holds_for(match: Match | None, caller: Caller, namespace: str, port: int) -> bool:
    """Return whether a match holds for a proxy at a port.

    Args:
        match: of a route; None matches all.
        caller: the proxy.
        namespace: of the VirtualService, for gateways without one.
        port: the port that is called.
    """
    if match is None:
        return True
    named = {
        name if "/" in name or name == MESH_GATEWAY else f"{namespace}/{name}"
        for name in match.gateways
    }
    return (
        match.port in (None, port)
        and selects(match.source_labels, caller.labels)
        and match.source_namespace in ("", caller.namespace)
        and (not named or bool(named & caller.gateways))
    )
