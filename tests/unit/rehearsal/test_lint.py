"""Names of nothing are reported before a request meets them."""

from pathlib import Path
from typing import Any

from petmesh.rehearsal.lint import findings
from tests.unit.manifests.inputs import SHOP, read
from tests.unit.mesh.meshes import DETAILS, Change, changed, mesh


def route(change: Change) -> tuple[str, ...]:
    def apply(inputs: Any) -> None:  # noqa: ANN401 (data)
        change(inputs["spec"]["http"][-1]["route"])

    return findings(changed("VirtualService", "petdetailsservice", apply, canaryWeight="50"))


def test_the_local_stack_is_sound() -> None:
    assert findings(mesh()) == ()
    assert findings(mesh(canaryWeight="50", dogApiEnabled="true")) == ()


def test_a_missing_subset() -> None:
    found = route(lambda routes: routes[1]["destination"].update(subset="v9"))
    assert found == (
        f"VirtualService petdetailsservice: no DestinationRule has subset v9 of {DETAILS}: 503",
    )


def test_a_missing_service() -> None:
    found = route(lambda routes: routes[1]["destination"].update(host="petstore", subset=""))
    host = "petstore.pets.svc.cluster.local"
    assert found == (f"VirtualService petdetailsservice: {host} is no declared service: 503",)


def test_a_subset_without_pods() -> None:
    def rename(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["subsets"][1]["labels"] = {"version": "v9"}

    found = findings(changed("DestinationRule", "petdetailsservice", rename, canaryWeight="50"))
    assert found == (f"VirtualService petdetailsservice: subset v2 of {DETAILS} has no pods: 503",)


def test_weights_that_do_not_add_up_to_100() -> None:
    assert route(lambda routes: routes[0].update(weight=49)) == (
        "VirtualService petdetailsservice: the weights of route weighted add up to 99",
    )


def test_a_gateway_that_no_pod_serves() -> None:
    def elsewhere(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["selector"] = {"istio": "another"}

    assert findings(changed("Gateway", "petmesh", elsewhere)) == (
        "Gateway petmesh: no gateway pod has the labels of its selector",
    )


def test_a_delegate_that_is_missing_or_out_of_reach(tmp_path: Path) -> None:
    root = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {prefix: /a}}], delegate: {name: gone}}
  - {match: [{uri: {prefix: /b}}], delegate: {name: team}}
"""
    team = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team}
spec: {http: [{match: [{uri: {prefix: /c}}], route: [{destination: {host: web}}]}]}
"""
    assert findings(read(tmp_path, SHOP, root, team)) == (
        "VirtualService root: http[0]: there is no delegate default/gone: the route is ignored",
        (
            "VirtualService root: http[1]: no match of delegate default/team is within its own: "
            "the route is ignored"
        ),
    )
