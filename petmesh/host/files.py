"""Reads files that a user names."""

import os
import stat
from pathlib import Path

_EMPTY = "is a pipe that nobody writes to"


def read_text(file: Path) -> str:
    """Return a file's text in UTF-8; of a pipe all that is written until it is closed.

    Raises:
        OSError: it can't be read, or is a pipe without a writer, for which one would wait forever.
        UnicodeDecodeError: it is no text.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 (by its descriptor)
        first = b""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            try:
                first = os.read(descriptor, 1)
            except BlockingIOError:
                pass
            else:
                if not first:
                    raise OSError(_EMPTY)
            os.set_blocking(descriptor, True)
        return (first + opened.read()).decode()
