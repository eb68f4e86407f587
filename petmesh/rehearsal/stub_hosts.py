"""Stand-ins of outside hosts: real TLS on loopback, with a certificate for the host's name."""

import json
import ssl
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from petmesh.host.pki import Authority
from petmesh.host.ports import LOOPBACK, Ports
from petmesh.host.processes import ProcessError
from petmesh.rehearsal.faulty import Conversation, FaultyServer

# The form of an answer of https://api.thedogapi.com/v1/images/search, with no real picture.
ANSWER = [
    {"id": "stand-in", "url": "https://stand-in.invalid/dog.jpg", "width": 640, "height": 480}
]


class StandIns:
    """One server for each outside host; it answers any path with `ANSWER`."""

    def __init__(self, authority: Authority, ports: Ports) -> None:
        self.authority = authority
        self._ports = ports
        self._servers: dict[str, web.AppRunner | FaultyServer] = {}
        self.addresses: dict[str, int] = {}
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []

    async def start(self, hosts: Iterable[str]) -> None:
        """Start the servers of hosts that have none yet."""
        for host in hosts:
            if host not in self.addresses:
                self.addresses[host] = self._ports.take()
                await self.mend(host)

    async def impair(self, host: str, converse: Conversation) -> None:
        """Have a host's server answer wrongly from now on."""
        await self.silence(host)
        body = json.dumps(ANSWER).encode()
        self._servers[host] = server = FaultyServer(converse, body, self._context(host))
        await server.start(self.addresses[host])

    async def silence(self, host: str) -> None:
        """Stop a host's server: nobody listens at its address any more.

        Raises:
            ProcessError: there is no stand-in of the host.
        """
        if host not in self.addresses:
            names = ", ".join(sorted(self.addresses)) or "none"
            raise ProcessError(f"host {host}: has no stand-in; there are those of {names}")
        server = self._servers.pop(host, None)
        if isinstance(server, FaultyServer):
            await server.stop()
        elif server is not None:
            await server.cleanup()

    async def mend(self, host: str) -> None:
        """Have a host's server answer as it should."""
        await self.silence(host)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._servers[host] = runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        context = self._context(host)
        await web.TCPSite(runner, LOOPBACK, self.addresses[host], ssl_context=context).start()

    async def stop(self) -> None:
        """Stop every server."""
        for host in tuple(self._servers):
            await self.silence(host)
        self.addresses.clear()

    def _context(self, host: str) -> ssl.SSLContext:
        leaf = self.authority.issue_host(host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        # Without the right server name there is no answer, as with hosts that share an address.
        context.sni_callback = _require_name(host)
        return context

    async def _answer(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.requests.append(f"{request.method} https://{request.host}{request.path_qs}")
        return web.json_response(ANSWER)


def _require_name(host: str) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], int | None]:
    def check(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        return None if name == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    return check
