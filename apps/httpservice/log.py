"""Structured logs: one JSON object a line, whoever has something to say."""

import logging
import os
import sys
import threading
import time
import traceback
from typing import Any

import orjson
from aiohttp.http_exceptions import HttpProcessingError

LEVELS = ("debug", "info", "warning", "error", "off")
_WRITE_SECONDS = 0.5
_MAX_WAITING_BYTES = 2 * 2**20


class Log:
    """Writes lines from a thread of its own, so that whoever reads them can't slow the service.

    What the reader doesn't take is dropped once 2 MiB wait, and counted. Any thread may log.

    Args:
        level: one of LEVELS; lines below it are left out.
        fields: members of every line.
        descriptor: the file descriptor to write to.
    """

    def __init__(self, level: str, fields: dict[str, str], descriptor: int = 1) -> None:
        self._level = LEVELS.index(level)
        self._fields = fields
        self._descriptor = descriptor
        self._lock = threading.Lock()
        # One text, not a list of lines: orjson takes 1 KiB for each that is kept.
        self._waiting = bytearray()
        self._dropped = 0
        self._second = -1
        self._date = ""
        self._closing = False
        self._wake = threading.Event()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def event(self, level: str, message: str, **fields: object) -> None:
        """Log a message of one of LEVELS, with further members of its line."""
        if LEVELS.index(level) < self._level:
            return
        line = {"level": level, **self._fields, "message": message, **fields}
        with self._lock:
            if len(self._waiting) > _MAX_WAITING_BYTES:
                self._dropped += 1
                return
            self._waiting += self._encode(line)

    def flush(self) -> None:
        """Have the lines so far written now; otherwise it is done twice a second."""
        self._wake.set()

    def close(self, timeout: float) -> None:
        """Write what is left, waiting for the reader at most `timeout` seconds."""
        self._closing = True
        self._wake.set()
        self._writer.join(timeout)

    def capture(self) -> None:
        """Take what others say, too: libraries, warnings, exceptions that nobody catches."""
        root = logging.getLogger()
        root.addHandler(_ToLog(self))
        root.setLevel(logging.WARNING)
        logging.captureWarnings(capture=True)
        threading.excepthook = lambda uncaught: self._uncaught(
            uncaught.thread.name if uncaught.thread else "thread", uncaught.exc_value
        )
        sys.unraisablehook = lambda uncaught: self._uncaught(
            uncaught.err_msg or "unraisable", uncaught.exc_value
        )

    def _uncaught(self, where: str, failure: BaseException | None) -> None:
        self.event("error", f"uncaught exception: {where}", **described(failure))
        self.flush()

    def _encode(self, line: dict[str, Any]) -> bytes:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        moment = f"{self._date}.{int((now - second) * 1e3):03d}Z"
        whole = {"time": moment, **line}
        try:
            return orjson.dumps(whole, repr, orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError:  # text that isn't UTF-8
            texts = {
                name: clean(value if isinstance(value, str) else repr(value))
                for name, value in whole.items()
            }
            return orjson.dumps(texts, option=orjson.OPT_APPEND_NEWLINE)

    def _take(self) -> bytearray:
        with self._lock:
            taken, self._waiting = self._waiting, bytearray()
            dropped, self._dropped = self._dropped, 0
            if dropped:
                said = {"level": "warning", **self._fields, "message": "log lines dropped"}
                taken += self._encode({**said, "count": dropped})
        return taken

    def _write(self) -> None:
        ended = False
        while not ended:
            self._wake.wait(_WRITE_SECONDS)
            self._wake.clear()
            ended = self._closing
            view = memoryview(self._take())
            while view:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    time.sleep(0.05)
                except OSError:
                    return


class _ToLog(logging.Handler):
    """Hands the records of Python's own logging to the log.

    A request that the server's parser refuses is its client's fault, and no error.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        level = record.levelname.lower()
        if isinstance(failure, HttpProcessingError):
            self._log.event("warning", f"malformed request: {failure.message.splitlines()[0]}")
            return
        self._log.event(
            level if level in LEVELS else "error",
            record.getMessage().rstrip(),
            logger=record.name,
            **described(failure),
        )


def clean(text: str) -> str:
    """Give text as UTF-8 has it: aiohttp keeps bytes that aren't UTF-8 as surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def described(failure: BaseException | None) -> dict[str, str]:
    """Give an exception and where it arose as members of a line; nothing for none."""
    if failure is None:
        return {}
    trace = "".join(traceback.format_exception(failure))
    return {"error": repr(failure), "trace": trace}
