"""A real Prometheus on loopback, which scrapes what a test exports."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

SCRAPE_SECONDS = 0.5


@contextmanager
def scraped(folder: Path, exported: Callable[[], Sequence[str]]) -> Generator[str]:
    """The address of a Prometheus that scrapes lines twice a second while it is open.

    The test is skipped where Prometheus isn't installed.

    Args:
        folder: where its data is.
        exported: the lines of metrics, asked for at each scrape.
    """
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed (Debian's package has it)")

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ("\n".join(exported()) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {SCRAPE_SECONDS * 1000:.0f}ms, scrape_timeout: 500ms}}\n"
        "scrape_configs: [{job_name: istio, static_configs: "
        f"[{{targets: ['127.0.0.1:{server.server_address[1]}']}}]}}]\n"
    )
    address = f"127.0.0.1:{_free_port()}"
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_ready(f"http://{address}")
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _wait_ready(address: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}/-/ready", timeout=1):  # noqa: S310 (loopback)
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("prometheus did not start")
