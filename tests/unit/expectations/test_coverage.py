"""What no expectation reached is listed, and how the results are written."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from petmesh.expectations.coverage import Coverage, Item, coverage
from petmesh.expectations.output import as_json, junit, markdown, summary
from petmesh.expectations.suite import Suite
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop
from tests.unit.expectations.made import answer, hop, judged
from tests.unit.manifests.inputs import SHOP, read

OBJECTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - match: [{uri: {exact: /a}}, {uri: {exact: /b}}]
    route: [{destination: {host: web, subset: v1}}]
  - route: [{destination: {host: web, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web}
spec:
  rules: [{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {methods: [PUT]}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: out}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
"""
WEB = "web.default.svc.cluster.local"
ROUTE = "VirtualService default/web"


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return read(tmp_path, SHOP, OBJECTS)


def missed(mesh: Mesh, *hops: Hop) -> list[str]:
    pods = {"web-v1-0": "web-v1", "web-v1-1": "web-v1"}
    return [str(item) for item in coverage(mesh, hops, pods).missed]


def test_without_a_request_everything_is_missed(mesh: Mesh) -> None:
    assert missed(mesh) == [
        f"{ROUTE} http[0].match[0]",
        f"{ROUTE} http[0].match[1]",
        f"{ROUTE} http[1]",
        "AuthorizationPolicy default/web rules[0]",
        "AuthorizationPolicy default/web rules[1]",
        "ServiceEntry default/out api.example.com",
        "DestinationRule default/web subset v1",
        "NetworkPolicy path web-v1 to web-v1 on 8080",
        "NetworkPolicy path web-v1 to web-v1 on 9000",
        "NetworkPolicy path web-v1 to api.example.com on 80",
    ]


def test_a_hop_reaches_its_route_rule_subset_host_and_path(mesh: Mesh) -> None:
    by_route = hop(
        "web-v1-0",
        object=ROUTE,
        part="http[0].match[1]",
        cluster=f"outbound|80|v1|{WEB}",
        endpoint="web-v1-1",
    )
    allowed = hop("web-v1-1", "inbound_8080", allowed="ns[default]-policy[web]-rule[0]")
    out = hop("web-v1-0", cluster="outbound|80||api.example.com")
    assert missed(mesh, by_route, allowed, out) == [
        f"{ROUTE} http[0].match[0]",
        f"{ROUTE} http[1]",
        "AuthorizationPolicy default/web rules[1]",
        "NetworkPolicy path web-v1 to web-v1 on 9000",
    ]


def test_a_rule_that_denied_is_reached(mesh: Mesh) -> None:
    denied = "rbac_access_denied_matched_policy[ns[default]-policy[web]-rule[1]]"
    lines = missed(mesh, hop("web-v1-1", "inbound_8080", details=denied))
    assert "AuthorizationPolicy default/web rules[0]" in lines
    assert "AuthorizationPolicy default/web rules[1]" not in lines


def test_a_mesh_without_items_is_covered() -> None:
    assert Coverage((), ()).percent == 100


@pytest.fixture
def suite(mesh: Mesh) -> Suite:
    good = judged(mesh, {"status": 200}, (answer(), []), name="good")
    bad = judged(mesh, {"status": 200}, (answer(503), []), name="bad ``` <b>")
    items = (Item("VirtualService a", "http[0]"), Item("VirtualService a", "http[1]"))
    return Suite((good, bad), Coverage(items, items[:1]))


def test_junit_counts_and_names_failures(suite: Suite) -> None:
    root = ET.fromstring(junit(suite))  # noqa: S314 (of our own making)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    [failure] = root.iter("failure")
    assert (failure.get("message") or "").startswith("status 200 expected, got 503")


def test_json_has_it_all(suite: Suite) -> None:
    held = json.loads(as_json(suite))
    assert [each["passed"] for each in held["expectations"]] == [True, False]
    assert held["coverage"] == {
        "percent": 50.0,
        "items": 2,
        "missed": ["VirtualService a http[0]"],
    }


def test_markdown_keeps_text_in_blocks_that_it_cannot_end(suite: Suite) -> None:
    text = markdown(suite)
    assert text.startswith(f"**{summary(suite)}**")
    assert "\n````\nbad ``` <b>: status 200 expected" in text
