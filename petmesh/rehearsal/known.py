"""Checks of names that callers give."""

from collections.abc import Iterable

from petmesh.host.processes import ProcessError


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Check that the mesh has something of a name.

    Raises:
        ProcessError: it doesn't; the text lists the names that it has.
    """
    names = sorted(known)
    if name not in names:
        raise ProcessError(
            f"{what} {name}: not in the mesh, which has {', '.join(names) or 'none'}"
        )
