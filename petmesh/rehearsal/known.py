"""Names that callers give of what is in the mesh."""

from collections.abc import Iterable

from petmesh.host.processes import ProcessError


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """See that there is what a name says.

    Raises:
        ProcessError: there isn't; the text names what there is.
    """
    names = sorted(known)
    if name not in names:
        raise ProcessError(
            f"{what} {name}: not in the mesh, which has {', '.join(names) or 'none'}"
        )
