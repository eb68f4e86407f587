"""The upstreams of petservice in the benchmark: `python -m bench.upstreams PORT`.

Responses are prepared in advance: the processor time of this server reduces that of the measured
services.
"""

import asyncio
import sys
from typing import cast

import httptools
import orjson
import uvloop

_BODIES = {
    b"/pet/123/details": {
        "petName": "Maximus",
        "petAge": 5,
        "petOwner": "Nithin Mallya",
        "petBreed": "Dog",
    },
    b"/pet/123/medicalhistory": {
        "vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"],
    },
    b"/dogs": [
        {"id": "abc", "url": "https://example.com/abc.jpg", "width": 1200, "height": 800},
    ],
}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_CLOSE = b"Connection: close\r\n"


def _answers(further: bytes) -> dict[bytes, bytes]:
    bodies = {path: orjson.dumps(value) for path, value in _BODIES.items()}
    return {path: _HEAD % (further, len(body), body) for path, body in bodies.items()}


_KEPT, _LAST = _answers(b""), _answers(_CLOSE)


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_message_complete(self) -> None:
        if self._parser.should_keep_alive():
            self._transport.write(_KEPT.get(self._path, _NOT_FOUND))
        else:
            self._transport.write(_LAST.get(self._path, _NOT_FOUND))
            self._transport.close()


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
