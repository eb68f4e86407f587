"""Where the ingress is asked: a host's name, at a port of this machine."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """A server on loopback, and the name that it is asked by.

    Attributes:
        host: the name; it need not resolve.
        port: of the loopback address.
        trust: the authority that its certificate must be of; none where it is asked in plain HTTP.
    """

    host: str
    port: int
    trust: Path | None = None

    @property
    def authority(self) -> str:
        """The host and the port."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"{'https' if self.trust else 'http'}://{self.authority}"

    def tls(self) -> ssl.SSLContext | None:
        """What a client checks: that the certificate is of the authority, and the host's."""
        return ssl.create_default_context(cafile=self.trust) if self.trust else None
