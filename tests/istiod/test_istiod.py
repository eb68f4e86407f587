"""What istiod would send each proxy, compared in meaning with the translation."""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import is_program, read_input
from tests.istiod import built
from tests.istiod.compare import Comparison, Difference, compare
from tests.istiod.corpus import KINDS, declared, files, mesh_of, objects, understood
from tests.istiod.known import is_known

pytestmark = pytest.mark.istiod
EXAMPLES = sorted(each for each in (ROOT / "examples").iterdir() if each.is_dir())
STACKS = ("local", "dev", "staging", "prod")
# What no stack has on.
OTHERS = {
    "sticky users": {"userCookie": "place", "canaryWeight": "25"},
    "egress gateway": {"dogApiEnabled": "true", "egressGateway": "true"},
}


@pytest.fixture(scope="session")
def istiod() -> Path:
    found = built.binary()
    if found is None:
        pytest.skip("no istiod: ISTIOD=path/to/pilot-discovery, or make istiod, which builds it")
    return found


@functools.cache
def source() -> Path:
    found = built.source()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def told(comparisons: Iterable[tuple[str, Comparison]]) -> list[str]:
    """Print what was compared, and return the differences that the list doesn't have."""
    counts: Counter[str] = Counter()
    unknown: list[str] = []
    for name, comparison in comparisons:
        counts["meshes"] += 1
        for what in ("proxies", "calls", "clusters", "ports"):
            counts[what] += getattr(comparison, what)
        counts["differences, each known"] += len(comparison.differences)
        unknown += [f"{name}: {each}"[:900] for each in _unlisted(comparison.differences)]
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    return unknown


def _unlisted(differences: list[Difference]) -> Iterator[Difference]:
    return (each for each in differences if not is_known(each))


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_means_what_istiod_makes_of_it(istiod: Path, stack: str) -> None:
    mesh = read_input((str(ROOT),), stack).mesh
    assert told([(stack, compare(mesh, istiod))]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_so_does_a_stack_with_more_switched_on(istiod: Path, name: str) -> None:
    mesh = read_input((str(ROOT),), "local", OTHERS[name]).mesh
    assert told([(name, compare(mesh, istiod))]) == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_so_does_an_example(istiod: Path, folder: Path) -> None:
    stack = "dev" if is_program(str(folder)) else ""
    mesh = read_input((str(folder),), stack).mesh
    assert told([(folder.name, compare(mesh, istiod))]) == []


@pytest.mark.parametrize("part", ["samples", "pilot", "tests", "pkg"])
def test_so_do_istios_own_objects(istiod: Path, part: str) -> None:
    def comparisons() -> Iterator[tuple[str, Comparison]]:
        for name, mesh in _meshes(part):
            yield name, compare(mesh, istiod)

    assert told(comparisons()) == []


def _meshes(part: str) -> Iterator[tuple[str, Mesh]]:
    found = taken = 0
    for name, bodies in files(source(), part):
        objects_taken, refused = understood(bodies)
        found += len(objects_taken) + len(refused)
        taken += len(objects_taken)
        if objects_taken:
            yield name, mesh_of(objects_taken)
    print(f"{part}: {taken} of {found} objects are understood")


def test_what_an_api_server_refuses_is_refused_and_all_else_taken() -> None:
    folder = source() / "pkg" / "config" / "validation" / "testdata" / "crds"
    wrong: list[str] = []
    for file in sorted(folder.glob("*.yaml")):
        for body in objects(file):
            refusal = body.pop("_err", None)
            if body["kind"] in KINDS and bool(refusal) != _is_refused(body):
                wrong.append(f"{file.name}: {body['metadata']['name']}")
    assert wrong == []


def _is_refused(body: dict[str, object]) -> bool:
    try:
        declared([body])
    except RefusedError as error:
        # A field that isn't translated is refused by its name.
        return "not known to the rehearsal" not in str(error)
    return False
