"""Resources that no stack has: what a rule refuses of them, and what it lets pass."""

from tests.unit.guardrails.made import cloud, mesh, objects, workloads

_SUBJECTS = (cloud, mesh, objects, workloads)
REFUSED = {name: case for each in _SUBJECTS for name, case in each.REFUSED.items()}
ALLOWED = {name: case for each in _SUBJECTS for name, case in each.ALLOWED.items()}
