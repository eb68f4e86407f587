"""Where proxies, pods and outside hosts are on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from petmesh.host.pki import Leaf
from petmesh.host.ports import LOOPBACK


@dataclass(frozen=True)
class Identity:
    """A service account's certificate, as files in PEM form."""

    uri: str
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Pod:
    """A pod: one process and its sidecar.

    Attributes:
        name: such as `petservice-v1-0`.
        workload: its deployment's name.
        app_port: where the process listens.
        inbound_port: where its sidecar takes calls.
        outbound_port: where its sidecar is an HTTP proxy for the process.
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

    @property
    def forward_proxy(self) -> str:
        """The URL of that proxy."""
        return f"http://{LOOPBACK}:{self.outbound_port}"


@dataclass(frozen=True)
class GatewayPod:
    """A gateway's proxy.

    Attributes:
        ports: those of this machine by the gateway's own.
        takes_http10: whether it answers requests of HTTP/1.0.
        most_connections: how many it holds at a time; None for any number.
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
    """Everything that has an address.

    Attributes:
        trust: the certificate authority's certificate that workloads trust.
        gateways: the gateways that are called from within the mesh.
        outside: the port of the stand-in of an outside host, by host.
        outside_trust: the authority that sidecars trust for outside hosts.
        certificates: what the gateway shows, by the name of the Secret that holds it.
    """

    pods: tuple[Pod, ...]
    trust: Path
    outside_trust: Path
    gateways: tuple[GatewayPod, ...] = ()
    outside: Mapping[str, int] = field(default_factory=dict[str, int])
    certificates: Mapping[str, Leaf] = field(default_factory=dict[str, Leaf])
