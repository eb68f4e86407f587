"""Objects of every day's work, as a careful team writes them: no rule has anything to say."""

from typing import Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.legitimate import cloud, mesh, objects, workloads

LEGITIMATE: Final[dict[str, list[Resource]]] = {
    **workloads.LEGITIMATE,
    **objects.LEGITIMATE,
    **mesh.LEGITIMATE,
    **cloud.LEGITIMATE,
}
