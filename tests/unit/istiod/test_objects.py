"""A mesh's objects of Istio, as istiod reads them."""

from pathlib import Path

from petmesh.istiod.objects import istio_objects
from tests.unit.envoy.laid import MESH, istio
from tests.unit.manifests.inputs import read


def test_keys_that_istiod_would_fetch_are_given(tmp_path: Path) -> None:
    rules = "[{issuer: a, jwksUri: 'https://a.com/keys'}, {issuer: b, jwks: '{\"keys\": []}'}]"
    mesh = read(
        tmp_path, MESH, istio("RequestAuthentication", "a", f"{{jwtRules: {rules}}}", "security")
    )
    [given] = istio_objects(mesh, '{"keys": [1]}')
    assert [each["jwks"] for each in given["spec"]["jwtRules"]] == ['{"keys": [1]}', '{"keys": []}']
    [plain] = istio_objects(mesh)
    assert plain["spec"]["jwtRules"][0] == {"issuer": "a", "jwksUri": "https://a.com/keys"}
