"""A delegate's route holds where each of its matches is within one of the root's."""

from pathlib import Path

import pytest

from petmesh.envoy.delegates import Routed, routes_of
from petmesh.mesh.mesh import Mesh
from tests.unit.manifests.inputs import SHOP, read

OBJECTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec: {hosts: [shop.example.com], http: [{match: [ROOT], delegate: {name: team}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team}
spec: {http: [{match: [OWN], route: [{destination: {host: web}}]}]}
"""


def matches(folder: Path, root: str, own: str) -> list[str]:
    mesh = read(folder, SHOP, OBJECTS.replace("ROOT", root).replace("OWN", own))
    return [routed.part for routed in routed_of(mesh)]


def routed_of(mesh: Mesh) -> list[Routed]:
    [root] = [each for each in mesh.virtual_services if each.spec.hosts]
    return list(routes_of(mesh, root))


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ("{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}"),
        ("{uri: {prefix: /a}}", "{uri: {prefix: /a}}"),
        ("{uri: {exact: /a}}", "{uri: {exact: /a}}"),
        ("{uri: {regex: /a.*}}", "{headers: {x: {exact: y}}}"),
        ("{headers: {x: {prefix: y}}}", "{headers: {x: {exact: yes}}}"),
        ("{sourceLabels: {app: a}}", "{sourceLabels: {app: a, version: v1}}"),
        ("{gateways: [public, mesh]}", "{gateways: [mesh]}"),
    ],
)
def test_a_match_within_the_roots_holds(tmp_path: Path, root: str, own: str) -> None:
    assert matches(tmp_path, root, own) == ["http[0].match[0]"]


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ("{uri: {prefix: /a/b}}", "{uri: {prefix: /a}}"),
        ("{uri: {exact: /a}}", "{uri: {prefix: /a}}"),
        ("{uri: {regex: /a.*}}", "{uri: {regex: /a.*}}"),
        ("{uri: {regex: /a.*}}", "{uri: {prefix: /a}}"),
        ("{uri: {prefix: /a}}", "{uri: {regex: /a/b}}"),
        ("{headers: {x: {exact: y}}}", "{headers: {x: {exact: z}}}"),
        ("{ignoreUriCase: true, uri: {prefix: /a}}", "{uri: {prefix: /a/b}}"),
        ("{port: 80}", "{port: 81}"),
        ("{sourceNamespace: a}", "{uri: {prefix: /a}}"),
        ("{sourceLabels: {app: a}}", "{sourceLabels: {app: b}}"),
        ("{gateways: [public]}", "{gateways: [mesh]}"),
        ("{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}, {uri: {prefix: /c}}"),
    ],
)
def test_a_route_with_a_match_outside_of_them_is_ignored(
    tmp_path: Path, root: str, own: str
) -> None:
    assert matches(tmp_path, root, own) == []


def test_both_conditions_must_be_met(tmp_path: Path) -> None:
    root = "{name: r, uri: {prefix: /a}, headers: {x: {exact: y}}}"
    mesh = read(tmp_path, SHOP, OBJECTS.replace("ROOT", root).replace("OWN", "{name: o, port: 80}"))
    [routed] = routed_of(mesh)
    assert routed.match
    assert routed.match.uri
    assert routed.match.uri.prefix == "/a"
    assert (routed.match.name, routed.match.port, set(routed.match.headers)) == ("r-o", 80, {"x"})
