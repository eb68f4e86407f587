"""Structured logs: one JSON object a line on standard output."""

import os
import queue
import threading
import time
from typing import Any

import orjson

from httpservice.message import Request, Response

LEVELS = ("debug", "info", "warning", "error", "off")
_DEBUG, _INFO, _WARNING, _ERROR, _OFF = range(5)
_MAX_WAITING_CHUNKS = 16
_CHUNK_BYTES = 128 * 1024
_MAX_PATH = 256
_MAX_ID = 128
_TRACEPARENT_FIELDS = 4


class Log:
    """Writes lines from a thread of its own, so that whoever reads them can't slow the service.

    What the reader doesn't take is dropped once 16 chunks of about 128 KiB wait, and counted.

    Args:
        level: one of LEVELS; lines below it are left out. A request's level is `error` where its
            status is 500 or higher, `warning` where it is 400 or higher, `debug` where it is a
            health check, else `info`.
        fields: members of every line.
        descriptor: the file descriptor to write to.
    """

    def __init__(self, level: str, fields: dict[str, str], descriptor: int = 1) -> None:
        self._level = LEVELS.index(level)
        self._fields = fields
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._second = -1
        self._date = ""
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_MAX_WAITING_CHUNKS)
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def event(self, level: str, message: str, **fields: object) -> None:
        """Log something other than a request."""
        number = LEVELS.index(level)
        if number >= self._level:
            self._append({**self._head(number), "message": message, **fields})

    def request(self, request: Request, response: Response) -> None:
        """Log a request that has just been answered."""
        status = response.status
        if status >= 400:  # noqa: PLR2004
            level = _ERROR if status >= 500 else _WARNING  # noqa: PLR2004
        else:
            level = _DEBUG if response.is_health else _INFO
        if level < self._level:
            return
        line = self._head(level)
        line["message"] = "request"
        line["method"] = request.method.decode()
        line["path"] = request.path[:_MAX_PATH].decode("latin-1")
        line["status"] = status
        line["duration_ms"] = round((time.perf_counter() - request.started) * 1e3, 3)
        request_id = request.headers.get(b"x-request-id")
        if request_id is not None:
            line["request_id"] = request_id[:_MAX_ID].decode("latin-1")
        trace = trace_id(request.headers)
        if trace is not None:
            line["trace_id"] = trace
        if response.upstream_ms is not None:
            line["upstream_ms"] = response.upstream_ms
        self._append(line)

    def flush(self) -> None:
        """Hand the lines so far to the writer; called several times a second."""
        if not self._lines:
            return
        chunk = b"".join(self._lines)
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            self._dropped += len(self._lines)
        self._lines.clear()
        self._size = 0

    def close(self, timeout: float) -> None:
        """Write what is left, waiting for the reader at most `timeout` seconds."""
        self.flush()
        try:
            self._chunks.put(None, timeout=timeout)
        except queue.Full:
            return
        self._writer.join(timeout)

    def _head(self, level: int) -> dict[str, Any]:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        moment = f"{self._date}.{int((now - second) * 1e3):03d}Z"
        return {"time": moment, "level": LEVELS[level], **self._fields}

    def _append(self, line: dict[str, Any]) -> None:
        if self._dropped and not self._chunks.full():
            dropped, self._dropped = self._dropped, 0
            self.event("warning", "log lines dropped", count=dropped)
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        self._lines.append(encoded)
        self._size += len(encoded)
        if self._size >= _CHUNK_BYTES:
            self.flush()

    def _write(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    time.sleep(0.05)
                except OSError:
                    return


def trace_id(headers: dict[bytes, bytes]) -> str | None:
    """Give the trace a request belongs to, by its W3C or B3 headers.

    See https://www.w3.org/TR/trace-context/#traceparent-header and
    https://github.com/openzipkin/b3-propagation.
    """
    if (traceparent := headers.get(b"traceparent")) is not None:
        fields = traceparent.split(b"-")
        if len(fields) >= _TRACEPARENT_FIELDS:
            return fields[1][:_MAX_ID].decode("latin-1")
    if (b3 := headers.get(b"x-b3-traceid")) is not None:
        return b3[:_MAX_ID].decode("latin-1")
    if (b3 := headers.get(b"b3")) is not None and b"-" in b3:
        return b3.partition(b"-")[0][:_MAX_ID].decode("latin-1")
    return None
