"""Stubs of outside hosts: TLS servers on loopback, with a certificate for the host's name."""

import json
import ssl
from collections.abc import Callable, Mapping

from aiohttp import web

from petmesh.host.pki import Authority
from petmesh.host.ports import LOOPBACK, Ports
from petmesh.host.processes import ProcessError
from petmesh.rehearsal.faulty import Conversation, FaultyServer

# A response in the form of https://api.thedogapi.com/v1/images/search, without a real picture.
ANSWER = [
    {"id": "stand-in", "url": "https://stand-in.invalid/dog.jpg", "width": 640, "height": 480}
]


class StubHosts:
    """One server for each outside host; it responds to any path with `ANSWER`.

    Attributes:
        addresses: the port of each host's server that speaks TLS.
        plain_addresses: of the one that speaks plain HTTP.
        requests: method and URL of every request.
        headers: the headers of every request.
    """

    def __init__(self, authority: Authority, ports: Ports) -> None:
        self.authority = authority
        self._ports = ports
        self._servers: dict[str, list[web.AppRunner | FaultyServer]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.plain_addresses: dict[str, int] = {}
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []

    async def start(self, hosts: Mapping[str, tuple[str, ...]]) -> None:
        """Start the servers of hosts that have none yet.

        Args:
            hosts: the names that a host's certificate has besides its own, by host.
        """
        for host, names in hosts.items():
            self._names[host] = names
            if host not in self.addresses:
                self.addresses[host] = self._ports.take()
                self.plain_addresses[host] = self._ports.take()
                await self.restore(host)

    async def impair(self, host: str, converse: Conversation) -> None:
        """Replace a host's server by a faulty one."""
        await self.silence(host)
        body = json.dumps(ANSWER).encode()
        secure = FaultyServer(converse, body, self._context(host))
        plain = FaultyServer(converse, body)
        self._servers[host] = [secure, plain]
        await secure.start(self.addresses[host])
        await plain.start(self.plain_addresses[host])

    async def silence(self, host: str) -> None:
        """Stop a host's server, so that nothing listens at its address.

        Raises:
            ProcessError: the host has no stub.
        """
        if host not in self.addresses:
            names = ", ".join(sorted(self.addresses)) or "none"
            raise ProcessError(f"host {host}: has no stub; there are stubs of {names}")
        for server in self._servers.pop(host, ()):
            await (server.stop() if isinstance(server, FaultyServer) else server.cleanup())

    async def restore(self, host: str) -> None:
        """Replace a host's server by a sound one."""
        await self.silence(host)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        self._servers[host] = [runner]
        await runner.setup()
        context = self._context(host)
        await web.TCPSite(runner, LOOPBACK, self.addresses[host], ssl_context=context).start()
        await web.TCPSite(runner, LOOPBACK, self.plain_addresses[host]).start()

    async def stop(self) -> None:
        """Stop every server."""
        for host in tuple(self._servers):
            await self.silence(host)
        self.addresses.clear()
        self.plain_addresses.clear()

    def _context(self, host: str) -> ssl.SSLContext:
        # A stub may stand for one of a host's addresses.
        name = host.partition("@")[0]
        leaf = self.authority.issue_host(name, *self._names.get(host, ()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        # Another server name is rejected, as by a host that shares its address with others.
        context.sni_callback = _require_name(name)
        return context

    async def _answer(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.requests.append(f"{request.method} {request.scheme}://{request.host}{request.path_qs}")
        return web.json_response(ANSWER)


def _require_name(host: str) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], int | None]:
    def check(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        return (
            None if name == host or _covers(host, name) else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        )

    return check


def _covers(pattern: str, name: str | None) -> bool:
    return pattern.startswith("*") and (name or "").endswith(pattern[1:])
