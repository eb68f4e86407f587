"""Files that others may put in a ramp's way: its folders are private, and no pipe is waited for."""

import errno
import io
import os
import stat
from pathlib import Path


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone.

    Raises:
        OSError: it can't be made.
    """
    for each in (*reversed(folder.parents), folder):
        # Those above are often there, and not to be written into.
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def read_regular(path: Path, longest: int) -> bytes:
    """The content of a regular file, or its first bytes; nothing is waited for.

    To open a pipe that nobody writes into would hold up the ramp, its Ctrl-C included.

    Args:
        path: the file.
        longest: how many bytes are read at most.

    Raises:
        OSError: it can't be read, or is a folder, a pipe or a device.
    """
    with open_regular(path, os.O_RDONLY) as file:
        return file.read(min(longest, os.fstat(file.fileno()).st_size))


def open_regular(path: Path, flags: int, mode: int = 0o600) -> io.FileIO:
    """Open a regular file without a buffer; nothing is waited for.

    Args:
        path: the file.
        flags: those of `os.open`, to read or to read and write: what only writes finds no pipe.
        mode: the permissions of a new one, less the umask; by default it is private.

    Raises:
        OSError: it can't be opened, or is a folder, a pipe or a device.
    """
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no regular file")
    return io.FileIO(file, "rb+" if flags & os.O_RDWR else "rb")
