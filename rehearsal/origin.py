"""Where the ingress is asked: a host's name, at a port of this machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A server on loopback, and the name that it is asked by.

    Attributes:
        host: the name; it need not resolve.
        port: of the loopback address.
    """

    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host and the port."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://{self.authority}"
