"""Who is asked for a case's requests, and how the route that was chosen is compared."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.expectations.run import Sent
from petmesh.expectations.validator.ask import questions
from petmesh.expectations.validator.cases import Case
from petmesh.expectations.validator.judge import judge
from petmesh.expectations.validator.surroundings import surrounded
from petmesh.manifests.declaration import declare_manifests
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop
from tests.unit.expectations.made import answer, hop

OBJECTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: ["*.example.com"]
  gateways: [public]
  http:
  - {match: [{uri: {prefix: /a}}], rewrite: {uri: /b}, route: [{destination: {host: web}}]}
  - {match: [{uri: {prefix: /o}}], headers: {request: {remove: [x]}}, delegate: {name: orders}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec: {http: [{route: [{destination: {host: orders}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: inner, namespace: shop}
spec: {hosts: [inner.example.org], http: [{redirect: {uri: /c}}]}
"""
WEB = "VirtualService shop/web"
ORDERS = "VirtualService shop/orders"


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    file = tmp_path / "mesh.yaml"
    file.write_text(OBJECTS)
    declaration = surrounded(declare_manifests(str(file)))
    assert declaration.warnings == (
        "Gateway shop/public isn't declared: it is assumed",
        "ServiceEntry shop/inner.example.org isn't declared: it is assumed",
        "Deployment shop/caller isn't declared: it is assumed",
    )
    assert surrounded(declaration) == declaration
    return gather(declaration, assume=True)


def case(host: str = "shop.example.com", **fields: Any) -> Case:  # noqa: ANN401 (data)
    request = {"authority": [host], "method": ["GET"], "uri": ["/a"]}
    return Case.model_validate({"wantMatch": True, "request": request, **fields})


@pytest.mark.parametrize(
    ("host", "source", "url"),
    [
        ("shop.example.com", "outside", "http://shop.example.com/a"),
        ("*.example.com", "outside", "http://sample.example.com/a"),
        ("inner.example.org", "shop/caller", "http://inner.example.org/a"),
        ("nowhere.example.org", "shop/caller", "http://nowhere.example.org/a"),
    ],
)
def test_a_gateways_host_is_asked_from_outside(
    mesh: Mesh, host: str, source: str, url: str
) -> None:
    [(_, question)] = questions(mesh, [case(host, redirect={"uri": "/c"})])
    assert (question.source, question.url) == (source, url)


def lines(mesh: Mesh, *hops: Hop, **fields: Any) -> list[str]:  # noqa: ANN401 (data)
    one = case(**fields)
    [(_, question)] = questions(mesh, [one])
    sent = Sent(question, (answer(),), "gate")
    return [miss.partition(": ")[0] for miss in judge(mesh, one, sent, hops).misses]


BY_WEB = hop("gate", "gateway_80", object=WEB, part="http[0].match[0]")
BY_ORDERS = hop("gate", "gateway_80", object=ORDERS, part="http[0]")


def test_each_named_field_is_compared_as_a_whole(mesh: Mesh) -> None:
    route = [{"destination": {"host": "web"}}]
    assert lines(mesh, BY_WEB, route=route, rewrite={"uri": "/b"}) == []
    assert lines(mesh, BY_WEB, route=[{**route[0], "weight": 0}]) == []
    wrong = lines(mesh, BY_WEB, route=[{"destination": {"host": "w"}}], rewrite={"uri": "/x"})
    assert len(wrong) == 2
    assert wrong[0].startswith("route [{")


def test_without_want_match_each_must_differ(mesh: Mesh) -> None:
    assert lines(mesh, BY_WEB, wantMatch=False, rewrite={"uri": "/x"}) == []
    [line] = lines(mesh, BY_WEB, wantMatch=False, rewrite={"uri": "/b"})
    assert line.startswith("rewrite other than")


def test_no_route_matches_nothing(mesh: Mesh) -> None:
    nothing = hop("gate", "gateway_80", flags="NR")
    assert lines(mesh, nothing, rewrite={"uri": "/b"}) == ["a route expected, none was chosen"]
    assert lines(mesh, nothing, wantMatch=False, rewrite={"uri": "/b"}) == []


def test_what_another_proxy_chose_does_not_count(mesh: Mesh) -> None:
    other = hop("egress", "gateway_80", object=WEB, part="http[0].match[0]")
    assert lines(mesh, other, rewrite={"uri": "/b"}) == ["a route expected, none was chosen"]


def test_a_delegates_route_has_what_it_inherits(mesh: Mesh) -> None:
    fields = {
        "delegate": {"name": "orders"},
        "route": [{"destination": {"host": "orders"}}],
        "headers": {"request": {"remove": ["x"]}},
    }
    assert lines(mesh, BY_ORDERS, **fields) == []
    assert len(lines(mesh, BY_ORDERS, delegate={"name": "others"})) == 1
    assert len(lines(mesh, BY_WEB, delegate={"name": "orders"})) == 1
