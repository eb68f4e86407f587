"""The ports of gateways at which callers from outside the mesh are accepted."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import GatewayPod
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.istio.networking import GatewayServer
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.origin import Origin


@dataclass(frozen=True)
class Entrance:
    """A gateway's port.

    Attributes:
        gateway: the gateway pod's name.
        number: the port that Gateways declare.
        port: the port of this machine.
        hosts: the hosts that its servers name, without namespaces; `*` is any.
        trust: the certificate of the authority that issued its own; None for plain HTTP.
        redirects: whether every server redirects to HTTPS.
    """

    gateway: str
    number: int
    port: int
    hosts: tuple[str, ...]
    trust: Path | None
    redirects: bool

    def origin(self, host: str = "") -> Origin:
        """Return the origin of requests to a host, by default the first that isn't a wildcard."""
        named = (each for each in self.hosts if not each.startswith("*"))
        return Origin(host or next(named, LOOPBACK), self.port, self.trust)

    def serves(self, host: str) -> bool:
        """Return whether a server names a host."""
        return any(
            pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))
            for pattern in self.hosts
        )


def entrances(
    mesh: Mesh, proxies: Iterable[GatewayPod], authority: Path, outside: Path
) -> tuple[Entrance, ...]:
    """Return the ports of gateway pods, those that only redirect last.

    Args:
        mesh: the applied mesh.
        proxies: the gateway pods.
        authority: the certificate of the authority that issued the gateways'.
        outside: of the one that issued outside hosts'.
    """
    found: list[Entrance] = []
    for proxy in proxies:
        for number, port in proxy.ports.items():
            servers = gateway_servers(mesh, proxy.labels, number)
            hosts = (host.rpartition("/")[2] for server in servers for host in server.hosts)
            found.append(
                Entrance(
                    gateway=proxy.name,
                    number=number,
                    port=port,
                    hosts=tuple(dict.fromkeys(hosts)),
                    trust=_trust(servers, authority, outside),
                    redirects=bool(servers) and all(s.tls.https_redirect for s in servers),
                )
            )
    return tuple(sorted(found, key=lambda each: each.redirects))


def _trust(servers: list[GatewayServer], authority: Path, outside: Path) -> Path | None:
    """Return who issued the certificate that callers see: of the gateway, or of whom it passes."""
    if not any(server.tls.mode for server in servers):
        return None
    return outside if all(server.tls.passes for server in servers) else authority
