"""Free TCP ports of the loopback address."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 20000, 32000


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """Allocates free TCP ports, none twice, nor one that another rehearsal has allocated.

    A server listens on its port some time after the allocation. Until then, and as long as this
    object exists, the UDP port of the same number is bound, which no server here needs: another
    rehearsal sees it as taken, and it is released however this process ends.

    The ports lie below the system's range for outgoing connections, so that none of a load's many
    connections can take one before its server has started.
    """

    def __init__(self) -> None:
        highest = _HIGHEST
        if _EPHEMERAL.is_file():
            highest = min(highest, int(_EPHEMERAL.read_text().split()[0]))
        if highest - _LOWEST < 1000:  # noqa: PLR2004 (an unusual system: any port will do)
            highest = 65000
        self._candidates = list(range(_LOWEST, highest))
        random.shuffle(self._candidates)
        self._claims: list[socket.socket] = []

    def take(self) -> int:
        """Allocate a port.

        Raises:
            OSError: none is free.
        """
        while self._candidates:
            port = self._candidates.pop()
            if self._claimed(port) and is_free(port):
                return port
        raise OSError("no free TCP port is left on this machine")

    def _claimed(self, port: int) -> bool:
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind((LOOPBACK, port))
        except OSError:
            claim.close()
            return False
        self._claims.append(claim)
        return True
