"""A mesh as cards and edges."""

from pathlib import Path

import pytest

from petmesh.manifests.declaration import declare_manifests
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.project import ROOT
from petmesh.ui.graph import Card, Edge, Graph, graph_of
from petmesh.ui.objects import texts

BOOKINFO = str(ROOT / "examples" / "bookinfo")
PODS = """
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}-v1}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, version: v1}}}}
    spec: {{serviceAccountName: {name}, containers: [{{name: {name}, image: none}}]}}
---
"""


@pytest.fixture(scope="module")
def bookinfo() -> Graph:
    return graph_of(gather(declare_manifests(BOOKINFO), assume=True))


def _mesh(folder: Path, text: str) -> Mesh:
    (folder / "mesh.yaml").write_text(text)
    return gather(declare_manifests(str(folder)), assume=True)


def _card(graph: Graph, title: str) -> Card:
    return next(card for card in graph.cards if card.title == title)


def _edges(graph: Graph) -> set[tuple[str, str]]:
    return {
        (edge.source.rpartition("/")[2], edge.target.rpartition("/")[2]) for edge in graph.edges
    }


def test_a_service_is_a_card_with_its_versions_and_their_weights(bookinfo: Graph) -> None:
    card = _card(bookinfo, "reviews")
    assert [(row.version, row.weight, row.pods) for row in card.rows] == [
        ("v1", 80, 1),
        ("v2", 0, 1),
        ("v3", 20, 1),
    ]
    assert (card.ports, card.mtls) == (("9080 HTTP",), "STRICT")
    assert [row.weight for row in _card(bookinfo, "details").rows] == [None]


def test_a_card_has_what_is_declared_for_it(bookinfo: Graph) -> None:
    assert set(_card(bookinfo, "reviews").objects) == {
        "Service default/reviews",
        "VirtualService default/reviews",
        "DestinationRule default/reviews",
        "AuthorizationPolicy default/allow-nothing",
        "AuthorizationPolicy default/reviews-viewer",
        "PeerAuthentication default/default",
    }


def test_each_object_of_a_card_can_be_shown(bookinfo: Graph) -> None:
    known = texts(declare_manifests(BOOKINFO))
    assert {name for card in bookinfo.cards for name in card.objects} <= set(known)
    assert "weight: 20" in known["VirtualService default/reviews"]


def test_edges_are_the_calls_that_policies_and_routes_allow(bookinfo: Graph) -> None:
    assert _edges(bookinfo) == {
        ("outside", "istio-ingressgateway"),
        ("istio-ingressgateway", "productpage"),
        ("productpage", "details"),
        ("productpage", "reviews"),
        ("reviews", "ratings"),
    }


def test_what_everybody_may_call_has_no_edges_but_says_so(tmp_path: Path) -> None:
    graph = graph_of(_mesh(tmp_path, "".join(PODS.format(name=name) for name in "abc")))
    assert [card.open for card in graph.cards if card.kind == "service"] == [True, True, True]
    assert not [edge for edge in graph.edges if edge.source.startswith("service")]


def test_a_call_that_no_object_tells_of_can_be_given(tmp_path: Path) -> None:
    mesh = _mesh(tmp_path, "".join(PODS.format(name=name) for name in "abc"))
    graph = graph_of(mesh, [("a-v1", "b-v1"), ("a-v1", "nobody")])
    assert Edge("service default/a", "service default/b") in graph.edges


def test_a_workload_without_a_service_and_an_outside_host_are_cards_too(tmp_path: Path) -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}
"""
    pods = PODS.format(name="a").split("---\n")
    graph = graph_of(_mesh(tmp_path, "---\n".join([pods[1], pods[2], entry])))
    assert _card(graph, "a-v1").kind == "service"
    assert _card(graph, "api.example.com").objects == ("ServiceEntry default/api",)
    assert ("a-v1", "host api.example.com") in _edges(graph)


def test_an_object_that_holds_a_secret_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hidden}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {key: hidden}\n"
    )
    assert not texts(declare_manifests(str(tmp_path)))
