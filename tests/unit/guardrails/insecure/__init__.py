"""Variants that a team must not ship: each field of a good object dropped, flipped or widened."""

from tests.unit.guardrails.insecure.cloud import cloud
from tests.unit.guardrails.insecure.mesh import callers, mesh
from tests.unit.guardrails.insecure.objects import kinds, patches, paths, rights, ways_in
from tests.unit.guardrails.insecure.variants import Variants
from tests.unit.guardrails.insecure.workloads import credentials, marks, pods


def all_variants() -> Variants:
    """Each with a name."""
    for number, (name, resources) in enumerate(_all()):
        yield f"{number}: {name}", resources


def _all() -> Variants:
    yield from pods()
    yield from marks()
    yield from kinds()
    yield from rights()
    yield from ways_in()
    yield from mesh()
    yield from callers()
    yield from paths()
    yield from cloud()
    yield from credentials()
    yield from patches()
