"""The addresses of proxies, pods and outside hosts on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from petmesh.host.pki import Leaf
from petmesh.host.ports import LOOPBACK


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
        """The URL of the sidecar as the process's HTTP proxy."""
        return f"http://{LOOPBACK}:{self.outbound_port}"


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
        outside: the port of each outside host's stub, by host.
        outside_trust: the certificate of the authority that sidecars trust for outside hosts.
        certificates: a gateway's certificates, by the name of the Secret that holds it.
    """

    pods: tuple[Pod, ...]
    trust: Path
    outside_trust: Path
    gateways: tuple[GatewayPod, ...] = ()
    outside: Mapping[str, int] = field(default_factory=dict[str, int])
    certificates: Mapping[str, Leaf] = field(default_factory=dict[str, Leaf])
