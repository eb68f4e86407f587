"""What a rehearsal of any mesh leaves out, with a warning where a cluster would heed it."""

from pathlib import Path

import pytest

from petmesh.mesh.fields import RefusedError
from petmesh.rehearsal.lint import findings
from tests.unit.manifests.inputs import GATEWAY, SHOP, omitted, read
from tests.unit.mesh.meshes import changed

LUA = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: INSERT_BEFORE, value: {name: envoy.lua}}
"""


def test_a_foreign_envoy_filter_is_warned_of(tmp_path: Path) -> None:
    mesh = read(tmp_path, SHOP, GATEWAY, LUA)
    assert mesh.envoy_filters == ()
    assert omitted(mesh)["EnvoyFilter"] == ("default/lua",)
    why = "it has no effect here: spec.workloadSelector: field required"
    assert findings(mesh) == (f"EnvoyFilter default/lua: {why}",)


def test_one_that_an_api_server_refuses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"configPatches\[0\].applyTo = FILTERS"):
        read(tmp_path, SHOP, LUA.replace("HTTP_FILTER", "FILTERS"))


def test_so_is_one_of_a_stack_of_this_checkout() -> None:
    def patch(inputs: dict[str, object]) -> None:
        inputs["spec"] = {"configPatches": []}

    with pytest.raises(RefusedError, match=r"EnvoyFilter .*: spec\.workloadSelector"):
        changed("EnvoyFilter", "edge", patch)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("networking.istio.io/v1beta1", "ProxyConfig"),
        ("extensions.istio.io/v1alpha1", "TrafficExtension"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
    ],
)
def test_what_configures_other_proxies_is_left_out(tmp_path: Path, version: str, kind: str) -> None:
    given = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}"
    assert omitted(read(tmp_path, SHOP, given))[kind] == ("default/a",)


def test_sidecars_pass_waypoints_by(tmp_path: Path) -> None:
    labelled = SHOP.replace(
        "metadata: {name: web}", "metadata: {name: web, labels: {istio.io/use-waypoint: w}}"
    )
    mark = "Service: metadata.labels.istio.io/use-waypoint"
    assert omitted(read(tmp_path, labelled))[mark] == ("default/web",)
