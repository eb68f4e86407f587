"""A stand-in for Prometheus: both versions did well or badly, as a test says."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from petmesh.ramp import istio_queries as metrics

_REQUESTS, _ERRORS, _MILLISECONDS = 1000, 600, 5


@contextmanager
def prometheus(failing: str = "") -> Generator[str]:
    """Serves figures on loopback while it is open, and gives its address.

    Each version had 1,000 requests in any window, and every request found a pod.

    Args:
        failing: the workload of which 600 requests failed; empty for none.
    """

    def value(query: str) -> int:
        if metrics.NOWHERE in query:
            return 0
        if metrics.FAILED in query:
            return _ERRORS if failing and f'"{failing}"' in query else 0
        return _REQUESTS

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            query = form["query"][0]
            sample = [0, str(value(query))]
            data: dict[str, object] = {"resultType": "scalar", "result": sample}
            if "(le)" in query:
                bounds = (str(_MILLISECONDS), "+Inf")
                series = [{"metric": {"le": bound}, "value": sample} for bound in bounds]
                data = {"resultType": "vector", "result": series}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
            pass

    class Server(ThreadingHTTPServer):
        # A ramp asks all its questions at once; by default five may wait, and others come again
        # after a second or more.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
