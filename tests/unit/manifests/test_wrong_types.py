"""A value of the wrong type anywhere in an object is refused in words, never by a traceback."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from petmesh.manifests.declaration import declaration_of
from petmesh.manifests.documents import Document, read_documents
from petmesh.mesh.fields import RefusedError
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import input_of, is_program

WRONG: tuple[Any, ...] = (10**30, [None], {"a": [1]})


def one_of_each_kind() -> dict[str, dict[str, Any]]:
    """The largest object of each kind in the examples."""
    found: dict[str, dict[str, Any]] = {}
    for folder in sorted((ROOT / "examples").iterdir()):
        if folder.is_dir() and not is_program(str(folder)):
            for document in read_documents(str(folder)):
                other = found.setdefault(document.body["kind"], document.body)
                if len(str(document.body)) > len(str(other)):
                    found[document.body["kind"]] = document.body
    return found


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 (data)
    inner: Any = ()
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        inner = enumerate(cast("list[Any]", value))
    for key, held in inner:
        yield (*before, key)
        yield from places(held, (*before, key))


KINDS = one_of_each_kind()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_type_is_refused_in_words(kind: str) -> None:
    for *parents, last in places(KINDS[kind]):
        if (*parents, last) == ("metadata",) or last in ("apiVersion", "kind", "name", "namespace"):
            continue
        for wrong in WRONG:
            body = copy.deepcopy(KINDS[kind])
            holder: Any = body
            for key in parents:
                holder = holder[key]
            holder[last] = wrong
            with suppress(RefusedError):
                input_of(declaration_of([Document("x", body)]), None)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "spec.replicas"),
        ("Service", "spec.ports[0].port"),
        ("HTTPRoute", "spec.rules[0].backendRefs[0].port"),
        ("Gateway", "spec.listeners[0].port"),
    ],
)
def test_a_number_in_quotes_is_text(kind: str, path: str) -> None:
    version, number = "v1", "2"
    spec: dict[str, Any] = {
        "Deployment": {"replicas": number, "template": {"spec": {"containers": [{"name": "a"}]}}},
        "Service": {"ports": [{"port": number}]},
        "HTTPRoute": {"rules": [{"backendRefs": [{"name": "a", "port": number}]}]},
        "Gateway": {
            "gatewayClassName": "istio",
            "listeners": [{"name": "a", "port": number, "protocol": "HTTP"}],
        },
    }[kind]
    group = {"Deployment": "apps/", "Service": ""}.get(kind, "gateway.networking.k8s.io/")
    body = {
        "apiVersion": f"{group}{version}",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": spec,
    }
    with pytest.raises(RefusedError) as refused:
        input_of(declaration_of([Document("x", body)]), None)
    assert f"{path} = 2: input should be a valid integer" in str(refused.value)
