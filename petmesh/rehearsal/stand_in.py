"""The process of a pod that has no code here: answers every request with JSON about it.

Run by itself, so that it starts in a moment: it imports the standard library alone. Its settings
are JSON in the variable `STAND_IN`: `workload`, `version`, `pod`, `status`, `delay` in seconds,
`body`, `calls`, URLs that it asks in turn and whose answers it includes, and `tls`, where it speaks
it: the files of its certificate and key, and the port.
"""

import json
import os
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

_TIMEOUT_SECONDS = 30
# The server name that a client asked for by TLS, by its connection.
_SERVER_NAMES: weakref.WeakKeyDictionary[Any, str | None] = weakref.WeakKeyDictionary()
# Headers that an application has to pass on for the mesh to see one request.
_PASSED_ON = ("x-request-id", "x-petmesh-request", "traceparent", "end-user", "authorization")


class Handler(BaseHTTPRequestHandler):
    """Answers any method and path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    settings: ClassVar[dict[str, Any]] = {}

    def handle_one_request(self) -> None:
        """Read one request and answer it, whatever its method is."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self._read_body()
        time.sleep(self.settings["delay"])
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Log nothing."""

    def _read_body(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self) -> None:
        is_grpc = self.headers.get("Content-Type", "").startswith("application/grpc")
        body = b"" if is_grpc else self._body()
        self.send_response(self.settings["status"])
        if is_grpc:
            self.send_header("Content-Type", "application/grpc")
            self.send_header("grpc-status", "0")
        else:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and self.settings["status"] != HTTPStatus.NO_CONTENT:
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.settings["body"] is not None:
            return json.dumps(self.settings["body"]).encode()
        held: dict[str, Any] = {
            key: self.settings[key] for key in ("workload", "version", "pod")
        } | {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        if isinstance(self.connection, ssl.SSLSocket):
            held["serverName"] = _SERVER_NAMES.get(self.connection)
        if self.settings["calls"]:
            held["calls"] = {url: self._call(url) for url in self.settings["calls"]}
        return json.dumps(held).encode()

    def _call(self, url: str) -> dict[str, Any]:
        passed_on = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        request = urllib.request.Request(url, headers=passed_on)  # noqa: S310 (from its settings)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                return {"status": response.status, "body": _parsed(response.read())}
        except urllib.error.HTTPError as error:
            return {"status": error.code, "body": _parsed(error.read())}
        except OSError as error:
            return {"error": str(error)}


def _parsed(text: bytes) -> Any:  # noqa: ANN401 (data)
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


class Server(ThreadingHTTPServer):
    """A thread for each connection; with a context, over TLS."""

    request_queue_size = 1024
    context: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; its thread shakes hands."""
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing of a connection that ended, or that isn't TLS."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda connection, name, _: _SERVER_NAMES.update({connection: name})
    return context


def serve() -> None:
    """Serve until the process is ended."""
    Handler.settings = json.loads(os.environ["STAND_IN"])
    tls: dict[str, Any] | None = Handler.settings.get("tls")
    port = int(os.environ["PORT"])
    ports: list[int] = [port, tls["port"]] if tls and tls["port"] != port else [port]
    servers = [Server((os.environ["HOST"], each), Handler) for each in ports]
    if tls:
        certificate, key = tls["files"]
        servers[-1].context = _context(certificate, key)
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    serve()
