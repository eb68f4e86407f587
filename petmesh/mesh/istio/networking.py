"""Objects of networking.istio.io: outside hosts and their addresses, gateways, and views."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, not_empty, only
from petmesh.mesh.istio.common import LOCALITY, ExportTo, PortValue, WorkloadSelector
from petmesh.mesh.istio.hosts import AddressRange, Host, full_name, is_address, is_static
from petmesh.mesh.protocols import Spoken, declared

_ADDRESSES = LeftOut("pods and outside hosts of this machine have one address")
_FILES = LeftOut("certificates of this machine are a local authority's")


def _protocol(value: str) -> str:
    declared(value)
    return value


Protocol = Annotated[str, AfterValidator(_protocol)]


class ServiceEntryPort(Fields):
    """A ServicePort of a ServiceEntry."""

    number: PortValue
    name: str = ""
    protocol: Protocol = "TCP"
    target_port: int | None = None

    @property
    def spoken(self) -> Spoken:
        """What is spoken at the port."""
        return declared(self.protocol)


class WorkloadEntrySpec(Fields):
    """A WorkloadEntrySpec, or an endpoint of a ServiceEntry: a server that is no pod."""

    address: str = ""
    ports: dict[str, int] = Field(default_factory=dict[str, int])
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    service_account: str = ""
    network: Annotated[Any, LOCALITY] = None
    locality: Annotated[Any, LOCALITY] = None
    weight: int | None = None


class WorkloadEntry(Fields):
    """A WorkloadEntry: a server outside the cluster that is part of a Service."""

    metadata: Metadata
    spec: WorkloadEntrySpec


class ServiceEntrySpec(Fields):
    """A ServiceEntrySpec: hosts, their ports, and where they are."""

    hosts: Annotated[tuple[Host, ...], not_empty()]
    ports: tuple[ServiceEntryPort, ...] = ()
    resolution: Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] = "NONE"
    location: Literal["MESH_EXTERNAL", "MESH_INTERNAL"] = "MESH_EXTERNAL"
    addresses: Annotated[tuple[AddressRange, ...], _ADDRESSES] = ()
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    workload_selector: WorkloadSelector | None = None
    subject_alt_names: tuple[Annotated[str, Field(pattern=r"^[!-~]+$")], ...] = ()
    export_to: ExportTo = ()

    @model_validator(mode="after")
    def _resolvable(self) -> "ServiceEntrySpec":
        wildcard = next((host for host in self.hosts if "*" in host), None)
        if wildcard and self.resolution.startswith("DNS") and not self.endpoints:
            raise ValueError(f"{wildcard}: a wildcard can't be resolved by DNS without endpoints")
        if self.endpoints and self.workload_selector:
            raise ValueError("must have endpoints or workloadSelector, not both")
        named = (each.address for each in self.endpoints if not is_static(each.address))
        if self.resolution == "STATIC" and (wrong := next((e for e in named if e), None)):
            raise ValueError(f"{wrong}: the address of an endpoint must be one of IP for STATIC")
        return self


class ServiceEntry(Fields):
    """A ServiceEntry."""

    metadata: Metadata
    spec: ServiceEntrySpec


class GatewayPort(Fields):
    """A Port that a gateway opens."""

    number: PortValue
    name: str = ""
    protocol: Protocol
    target_port: Annotated[Any, LeftOut("a gateway listens on a port of this machine")] = None

    @property
    def terminates_tls(self) -> bool:
        """Whether the protocol is one over TLS that may be terminated."""
        return self.protocol.upper() in ("HTTPS", "TLS")

    @property
    def speaks_http(self) -> bool:
        """Whether requests are routed, and not connections."""
        return self.protocol.upper() in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS")


class ServerTlsSettings(Fields):
    """A ServerTLSSettings: a redirect to HTTPS, TLS that ends at the gateway, or passes it."""

    https_redirect: bool = False
    mode: Literal[
        "",
        "PASSTHROUGH",
        "SIMPLE",
        "MUTUAL",
        "OPTIONAL_MUTUAL",
        "ISTIO_MUTUAL",
        "AUTO_PASSTHROUGH",
    ] = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    server_certificate: str = ""
    private_key: Annotated[str, _FILES] = ""
    ca_certificates: Annotated[str, _FILES] = ""
    ca_crl: Annotated[Any, _FILES] = None
    ca_cert_credential_name: Annotated[Any, _FILES] = None
    subject_alt_names: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] = (
        "TLS_AUTO"
    )
    max_protocol_version: Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] = (
        "TLS_AUTO"
    )
    verify_certificate_spki: Annotated[Any, only(None, because="no key is pinned here")] = None
    verify_certificate_hash: Annotated[Any, only(None, because="no key is pinned here")] = None

    @property
    def certificate(self) -> str:
        """What names the server's certificate: a Secret, or a file."""
        return self.credential_name or (*self.credential_names, self.server_certificate)[0]

    @property
    def passes(self) -> bool:
        """Whether TLS ends behind the gateway."""
        return self.mode.endswith("PASSTHROUGH")


class GatewayServer(Fields):
    """A Server of a Gateway: a port and its hosts."""

    port: GatewayPort
    hosts: Annotated[tuple[str, ...], not_empty()]
    name: str = ""
    tls: ServerTlsSettings = ServerTlsSettings()
    bind: Annotated[Any, _ADDRESSES] = None
    default_endpoint: Annotated[Any, LeftOut("no default endpoint is known to Envoy")] = None

    @model_validator(mode="after")
    def _fits_protocol(self) -> "GatewayServer":
        tls, protocol = self.tls, self.port.protocol.upper()
        for host in self.hosts:
            name = host.partition("/")[2] or host
            if not is_address(name):
                full_name(name)
        if tls.mode == "ISTIO_MUTUAL" and tls.certificate:
            raise ValueError("for ISTIO_MUTUAL, tls must have no credentialName")
        if tls.mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and not tls.certificate:
            raise ValueError(f"for {tls.mode}, tls must have credentialName or serverCertificate")
        if self.port.terminates_tls and (not tls.mode or tls.https_redirect):
            raise ValueError(
                f"for {protocol}, tls must have mode and credentialName, and no redirect"
            )
        if not self.port.terminates_tls and (tls.mode or tls.certificate):
            raise ValueError(f"for {protocol}, tls can have httpsRedirect alone")
        if protocol == "HTTPS" and tls.passes and tls.mode == "AUTO_PASSTHROUGH":
            raise ValueError("AUTO_PASSTHROUGH needs the protocol TLS")
        return self


class GatewaySpec(Fields):
    """A GatewaySpec: the servers of the selected gateway pods."""

    selector: dict[str, str] = Field(default_factory=dict[str, str])
    servers: Annotated[tuple[GatewayServer, ...], not_empty()]

    @model_validator(mode="after")
    def _names_ports_once(self) -> "GatewaySpec":
        names = [server.port.name for server in self.servers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"port name {twice!r} is there twice: each server's must be its own")
        return self


class Gateway(Fields):
    """A Gateway."""

    metadata: Metadata
    spec: GatewaySpec


class SidecarPort(Fields):
    """A SidecarPort of a listener."""

    number: PortValue
    name: str = ""
    protocol: str = ""
    target_port: int | None = None


class IstioEgressListener(Fields):
    """An IstioEgressListener: visible hosts, each as namespace/name."""

    hosts: Annotated[tuple[str, ...], not_empty()]
    port: SidecarPort | None = None
    bind: Annotated[Any, _ADDRESSES] = None
    capture_mode: Annotated[
        Any, LeftOut("a sidecar here is its process's HTTP proxy: nothing is captured")
    ] = None

    @model_validator(mode="after")
    def _includes(self) -> "IstioEgressListener":
        for host in self.hosts:
            _, slash, name = host.partition("/")
            if not slash or "*" in name.removeprefix("*"):
                raise ValueError(f"{host}: the rehearsal knows namespace/name, ./name and */name")
            full_name(name)
        return self


class IstioIngressListener(Fields):
    """An IstioIngressListener: a port of the pod, and where its process listens for it."""

    port: SidecarPort
    default_endpoint: str = ""
    bind: Annotated[Any, _ADDRESSES] = None
    capture_mode: Annotated[Any, _ADDRESSES] = None
    tls: Annotated[Any, only(None, because="a sidecar terminates mutual TLS alone here")] = None
    connection_pool: Annotated[Any, LeftOut("a DestinationRule's limits hold alone")] = None


class SidecarOutbound(Fields):
    """An OutboundTrafficPolicy of a Sidecar: calls to hosts that aren't visible."""

    mode: Literal["REGISTRY_ONLY", "ALLOW_ANY"] = "REGISTRY_ONLY"
    egress_proxy: Annotated[Any, only(None, because="no host that isn't visible is called")] = None


class SidecarSpec(Fields):
    """A SidecarSpec: the hosts that are visible to the selected pods' proxies."""

    workload_selector: WorkloadSelector | None = None
    egress: tuple[IstioEgressListener, ...] = ()
    ingress: Annotated[
        tuple[IstioIngressListener, ...],
        LeftOut("a process has one port here: that of the Service is led to it"),
    ] = ()
    outbound_traffic_policy: SidecarOutbound | None = None
    inbound_connection_pool: Annotated[Any, LeftOut("a DestinationRule's limits hold alone")] = None

    @model_validator(mode="after")
    def _says_something(self) -> "SidecarSpec":
        if not self.model_fields_set - {"workload_selector"}:
            raise ValueError("must have egress, ingress or outboundTrafficPolicy")
        return self


class Sidecar(Fields):
    """A Sidecar: it narrows the hosts that are visible to some proxies."""

    metadata: Metadata
    spec: SidecarSpec
