"""Free TCP ports of the loopback address."""

import random
import socket
from pathlib import Path

from rehearsal.envoy.topology import LOOPBACK

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 20000, 32000


def is_free(port: int) -> bool:
    """Whether a server could listen on a port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """Hands out free ports, none twice.

    They lie below the range from which the system takes the ports of outgoing connections, so that
    none of the many connections of a load can take one before its server has started.
    """

    def __init__(self) -> None:
        highest = _HIGHEST
        if _EPHEMERAL.is_file():
            highest = min(highest, int(_EPHEMERAL.read_text().split()[0]))
        if highest - _LOWEST < 1000:  # noqa: PLR2004 (an unusual system: any port will do)
            highest = 65000
        self._candidates = list(range(_LOWEST, highest))
        random.shuffle(self._candidates)

    def take(self) -> int:
        """A free port.

        Raises:
            OSError: none is left.
        """
        while self._candidates:
            port = self._candidates.pop()
            if is_free(port):
                return port
        raise OSError("no free TCP port is left on this machine")
