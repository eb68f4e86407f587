"""The ingress's address: a host name, and a port of this machine."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import GatewayPod
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.mesh import Mesh


@dataclass(frozen=True)
class Origin:
    """A server on loopback, and the host name of its requests.

    Attributes:
        host: the name; it need not resolve.
        port: of the loopback address.
        trust: the certificate of the authority that issued the server's; None for plain HTTP.
    """

    host: str
    port: int
    trust: Path | None = None

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL without a path."""
        return f"{'https' if self.trust else 'http'}://{self.authority}"

    def tls(self) -> ssl.SSLContext | None:
        """Return a client's TLS, which verifies authority and host; None for plain HTTP."""
        return ssl.create_default_context(cafile=self.trust) if self.trust else None


def served_ports(mesh: Mesh, labels: Mapping[str, str]) -> list[int]:
    """Return the ports that Gateways open on a proxy, those that only redirect last."""
    servers = gateway_servers(mesh, labels)
    ports = sorted((s.tls.https_redirect, s.port.number) for s in servers)
    return list(dict.fromkeys(number for _, number in ports))


def ingress_origin(mesh: Mesh, ingress: GatewayPod, authority: Path) -> Origin:
    """Return the ingress's origin, with the first host that it serves.

    Args:
        mesh: the applied mesh.
        ingress: its gateway pod.
        authority: the certificate of the authority that issued the ingress's.
    """
    main = next(iter(ingress.ports))
    servers = gateway_servers(mesh, ingress.labels, main)
    trust = authority if any(server.tls.mode for server in servers) else None
    return Origin(_public_host(mesh), ingress.ports[main], trust)


def redirecting_port(mesh: Mesh, ingress: GatewayPod) -> int | None:
    """Return the port of this machine where the ingress redirects to HTTPS; else None."""
    for server in gateway_servers(mesh, ingress.labels):
        if server.tls.https_redirect:
            return ingress.ports[server.port.number]
    return None


def _public_host(mesh: Mesh) -> str:
    """Return the ingress's first host that isn't a wildcard; loopback if there is none."""
    hosts = (
        host.rpartition("/")[2]
        for server in gateway_servers(mesh, mesh.ingress.labels)
        for host in server.hosts
    )
    return next((host for host in hosts if not host.startswith("*")), LOOPBACK)
