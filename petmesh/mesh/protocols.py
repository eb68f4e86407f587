"""The protocol of a port, by its name and appProtocol as Istio takes it."""

from typing import Final, Literal, Protocol

Spoken = Literal["HTTP", "HTTP2", "TCP", "TLS", "UDP"]

_BY_PREFIX: Final[dict[str, Spoken]] = {
    "http": "HTTP",
    "http2": "HTTP2",
    "h2c": "HTTP2",
    "grpc": "HTTP2",
    "grpc-web": "HTTP2",
    "https": "TLS",
    "tls": "TLS",
    "tcp": "TCP",
    "mongo": "TCP",
    "mysql": "TCP",
    "redis": "TCP",
    "postgres": "TCP",
    "hbone": "TCP",
    "udp": "UDP",
}
_BY_APP_PROTOCOL: Final[dict[str, Spoken]] = {
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "TLS",
}


class Port(Protocol):
    """A Service's port."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def protocol(self) -> str:
        """TCP, UDP or SCTP."""
        ...

    @property
    def app_protocol(self) -> str:
        """What it says of the protocol; wins over the name."""
        ...


def spoken(port: Port) -> Spoken:
    """Return a Service port's protocol; one that nothing tells is HTTP, which Istio detects.

    https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
    """
    if port.protocol != "TCP":
        return "UDP"
    return _told(port) or "HTTP"


def is_detected(port: Port) -> bool:
    """Return whether nothing tells a Service port's protocol, so that Istio detects it."""
    return port.protocol == "TCP" and _told(port) is None


def _told(port: Port) -> Spoken | None:
    if port.app_protocol in _BY_APP_PROTOCOL:
        return _BY_APP_PROTOCOL[port.app_protocol]
    told = (port.app_protocol or port.name).lower()
    # grpc-web is the only name with a dash of its own; of others the part before one counts.
    prefix = told if told in _BY_PREFIX else told.partition("-")[0]
    return _BY_PREFIX.get("grpc-web" if told.startswith("grpc-web") else prefix)


def speaks_grpc(port: Port) -> bool:
    """Return whether a Service's port says that it speaks gRPC."""
    return (port.app_protocol or port.name).lower().partition("-")[0] == "grpc"


def declared(protocol: str) -> Spoken:
    """Return what a ServiceEntry's or Gateway's port says it speaks, such as `GRPC`.

    One that says nothing speaks HTTP, which Istio detects.

    Raises:
        ValueError: Istio knows no such protocol.
    """
    name = protocol.lower() or "http"
    if name not in _BY_PREFIX:
        raise ValueError(f"must be one of {', '.join(sorted(each.upper() for each in _BY_PREFIX))}")
    return _BY_PREFIX[name]
