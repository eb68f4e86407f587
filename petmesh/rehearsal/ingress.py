"""What the mesh's gateways open, and where the ingress is asked."""

from collections.abc import Mapping
from pathlib import Path

from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import GatewayPod
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.origin import Origin


def served_ports(mesh: Mesh, labels: Mapping[str, str]) -> list[int]:
    """The ports that gateways open on a proxy, those that just redirect last."""
    servers = gateway_servers(mesh, labels)
    ports = sorted((s.tls.https_redirect, s.port.number) for s in servers)
    return list(dict.fromkeys(number for _, number in ports))


def ingress_origin(mesh: Mesh, ingress: GatewayPod, authority: Path) -> Origin:
    """The ingress by the first name that it answers to.

    Args:
        mesh: that is in force.
        ingress: its proxy.
        authority: the certificate of the one that certified the ingress.
    """
    main = next(iter(ingress.ports))
    servers = gateway_servers(mesh, ingress.labels, main)
    trust = authority if any(server.tls.mode for server in servers) else None
    return Origin(_public_host(mesh), ingress.ports[main], trust)


def redirecting_port(mesh: Mesh, ingress: GatewayPod) -> int | None:
    """The port of this machine where the ingress redirects to HTTPS; None where it doesn't."""
    for server in gateway_servers(mesh, ingress.labels):
        if server.tls.https_redirect:
            return ingress.ports[server.port.number]
    return None


def _public_host(mesh: Mesh) -> str:
    """The first host of the ingress that isn't a pattern; where there is none, any will do."""
    hosts = (
        host.rpartition("/")[2]
        for server in gateway_servers(mesh, mesh.ingress.labels)
        for host in server.hosts
    )
    return next((host for host in hosts if not host.startswith("*")), LOOPBACK)
