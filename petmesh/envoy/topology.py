"""The addresses of proxies, pods and outside hosts on this machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from petmesh.host.pki import Leaf
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.istio.networking import ServiceEntry
from petmesh.mesh.kubernetes import ServicePort
from petmesh.mesh.mesh import Mesh


@dataclass(frozen=True)
class Identity:
    """A ServiceAccount's certificate, as files in PEM form."""

    uri: str
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Pod:
    """A pod: one process and its sidecar.

    Attributes:
        name: such as `petservice-v1-0`.
        workload: its Deployment's name.
        app_port: the process's port.
        inbound_port: the sidecar's port for calls to the pod.
        outbound_port: the sidecar's port as the process's HTTP proxy.
        container_ports: the sidecar's port for each of the container's; those that aren't listed
            are reached by `inbound_port`.
        named_ports: the container's ports by name.
        in_mesh: whether it has a sidecar; else its proxy stands for the cluster's network alone.
        is_stand_in: whether its process is a stand-in, which speaks HTTP/1.1 alone.
        certificate: what its process shows where it speaks TLS; None where it doesn't.
        secure_port: the process's port for TLS, if it is another than `app_port`.
        secure_targets: the container's ports that are led to `secure_port`.
    """

    name: str
    workload: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    identity: Identity
    app_port: int
    inbound_port: int
    outbound_port: int
    container_ports: Mapping[int, int] = field(default_factory=dict[int, int])
    named_ports: Mapping[str, int] = field(default_factory=dict[str, int])
    in_mesh: bool = True
    is_stand_in: bool = False
    certificate: Leaf | None = None
    secure_port: int | None = None
    secure_targets: frozenset[int] = frozenset()

    @property
    def forward_proxy(self) -> str:
        """The URL of the sidecar as the process's HTTP proxy."""
        return f"http://{LOOPBACK}:{self.outbound_port}"

    def target(self, port: ServicePort) -> int:
        """Return the container's port behind a Service's."""
        if isinstance(port.target_port, str):
            return self.named_ports.get(port.target_port, port.port)
        return port.target_port or port.port

    def process_port(self, target: int) -> int:
        """Return the process's port for a port of the container."""
        secure = self.secure_port if target in self.secure_targets else None
        return secure or self.app_port

    def speaks_tls(self, target: int) -> bool:
        """Return whether the process speaks TLS at a port of the container."""
        whole = self.secure_port is None
        return self.certificate is not None and (whole or target in self.secure_targets)

    def inbound(self, target: int) -> int:
        """Return the sidecar's port on this machine for a port of the container."""
        return self.container_ports.get(target, self.inbound_port)


def stub_names(
    mesh: Mesh, entry: ServiceEntry, host: str
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the names of the stubs of a ServiceEntry's host, and their labels.

    There is one for each of its addresses, named `host@address`; without any, one for the host,
    unless its addresses are STATIC.
    """
    selector = entry.spec.workload_selector
    endpoints = [
        *entry.spec.endpoints,
        *(
            each.spec
            for each in mesh.workload_entries
            if selector
            and each.metadata.namespace == entry.metadata.namespace
            and selector.labels.items() <= each.spec.labels.items()
        ),
    ]
    for endpoint in endpoints:
        yield f"{host}@{endpoint.address}", endpoint.labels
    if not endpoints and not selector and entry.spec.resolution != "STATIC":
        yield host, {}


@dataclass(frozen=True)
class GatewayPod:
    """A gateway's proxy.

    Attributes:
        ports: ports of this machine by the gateway's own.
        takes_http10: whether it accepts requests of HTTP/1.0.
        most_connections: the limit of connections at a time; None for no limit.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    identity: Identity
    ports: Mapping[int, int]
    takes_http10: bool = False
    most_connections: int | None = None


@dataclass(frozen=True)
class Topology:
    """The addresses and certificates of a run.

    Attributes:
        trust: the certificate of the authority that workloads trust.
        gateways: those that only callers inside the mesh connect to.
        outside: the port of each outside host's stub that speaks TLS, by the stub's name.
        outside_plain: of each that speaks without.
        outside_trust: the certificates of the authorities that sidecars trust for servers outside
            the mesh's own.
        authorities: those that are trusted in the place of a ConfigMap's, by `namespace/name`.
        nobody: the certificate of an authority that has issued nothing.
        certificates: a gateway's certificates, by the name of the Secret that holds it.
        logs_decisions: whether proxies log which route and rule decided each request.
        jwks: the JSON Web Key Set in place of those that a RequestAuthentication names by URI.
    """

    pods: tuple[Pod, ...]
    trust: Path
    outside_trust: Path
    gateways: tuple[GatewayPod, ...] = ()
    outside: Mapping[str, int] = field(default_factory=dict[str, int])
    outside_plain: Mapping[str, int] = field(default_factory=dict[str, int])
    certificates: Mapping[str, Leaf] = field(default_factory=dict[str, Leaf])
    logs_decisions: bool = False
    jwks: str = ""
    authorities: Mapping[str, Path] = field(default_factory=dict[str, Path])
    nobody: Path = Path("nobody.pem")
