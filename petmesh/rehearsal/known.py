"""Checks of names that callers give."""

from collections.abc import Iterable, Sequence

from petmesh.host.processes import ProcessError
from petmesh.mesh.mesh import Workload


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


def one_workload(workloads: Sequence[Workload], name: str) -> Workload:
    """Return the one workload of a name, or of namespace/name.

    Raises:
        ProcessError: there is none, or several namespaces have one.
    """
    found = [each for each in workloads if name in (each.name, f"{each.namespace}/{each.name}")]
    if len(found) > 1:
        full = " or ".join(sorted(f"{each.namespace}/{each.name}" for each in found))
        raise ProcessError(f"workload {name}: must be {full}")
    if not found:
        check_known("workload", name, (each.name for each in workloads))
    return found[0]
