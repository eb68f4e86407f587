"""What YAML doesn't say of its mesh is assumed, and listed."""

from pathlib import Path

import pytest

from petmesh.mesh.fields import RefusedError
from tests.unit.manifests.inputs import GATEWAY, SHOP, omitted, read

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: default, labels: {{{labels}}}}}"


def test_istiod_and_a_gateways_pod_are_assumed(tmp_path: Path) -> None:
    mesh = read(tmp_path, SHOP, GATEWAY)
    [proxy] = mesh.gateway_proxies
    assert (proxy.name, proxy.namespace) == ("istio-ingressgateway", "istio-system")
    assert proxy.service_account == "istio-ingressgateway-service-account"
    assert omitted(mesh)["Assumed: a gateway's pod"] == ("istio-system/istio-ingressgateway",)
    assert "Assumed: istiod with the default MeshConfig" in omitted(mesh)
    assert mesh.config.outbound_traffic_policy.mode == "REGISTRY_ONLY"


def test_gateways_of_one_selector_share_a_pod_and_others_have_their_own(tmp_path: Path) -> None:
    second = GATEWAY.replace("name: public", "name: second").replace("name: web}", "name: web2}")
    other = GATEWAY.replace("name: public", "name: third").replace("name: web}", "name: web3}")
    mesh = read(tmp_path, GATEWAY, second, other.replace("istio: ingress", "app: my"))
    assert [proxy.name for proxy in mesh.gateway_proxies] == ["istio-ingressgateway", "mygateway"]


def test_the_mesh_config_is_taken_from_istios_own_config_map(tmp_path: Path) -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "trustDomain: shop.example.com\\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
"""
    mesh = read(tmp_path, SHOP, config)
    assert mesh.config.trust_domain == "shop.example.com"
    assert not [what for what in omitted(mesh) if what.startswith(("Assumed", "MeshConfig"))]
    operator = f"{OPERATOR}spec: {{meshConfig: {{trustDomain: mesh.example.com}}}}"
    assert read(tmp_path, SHOP, operator).config.trust_domain == "mesh.example.com"


def test_an_injected_gateway_is_one_and_not_a_workload(tmp_path: Path) -> None:
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: edge}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      annotations: {inject.istio.io/templates: gateway}
      labels: {istio: ingressgateway, sidecar.istio.io/inject: "true"}
    spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: auto}]}
"""
    mesh = read(tmp_path, GATEWAY, deployment)
    assert [(p.name, p.namespace, p.service_account) for p in mesh.gateway_proxies] == [
        ("edge", "edge", "edge")
    ]
    assert mesh.workloads == ()


@pytest.mark.parametrize(
    ("namespaces", "pods", "in_mesh"),
    [
        ([], "", True),
        (["istio-injection: enabled"], "", True),
        (["istio.io/rev: canary"], "", True),
        (["istio-injection: disabled"], "", False),
        (["team: a"], "", False),
        ([], 'sidecar.istio.io/inject: "false"', False),
        (["team: a"], 'sidecar.istio.io/inject: "true"', True),
    ],
)
def test_who_has_a_sidecar_follows_from_the_labels(
    tmp_path: Path, namespaces: list[str], pods: str, *, in_mesh: bool
) -> None:
    shop = SHOP.replace("labels: {app: web, version: v1}", f"labels: {{app: web, {pods}}}")
    mesh = read(tmp_path, shop, *(NAMESPACE.format(labels=each) for each in namespaces))
    [workload] = mesh.workloads
    assert workload.in_mesh is in_mesh
    outside = omitted(mesh).get("Workload outside of the mesh", ())
    assert outside == (() if in_mesh else ("default/web-v1",))


OTHER = "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}"


@pytest.mark.parametrize(
    ("version", "kind"),
    [("v1", "ConfigMap"), ("batch/v1", "Job"), ("example.com/v1", "Thing")],
)
def test_kinds_that_steer_no_request_are_listed(tmp_path: Path, version: str, kind: str) -> None:
    mesh = read(tmp_path, SHOP, OTHER.format(version=version, kind=kind))
    assert [what for what in omitted(mesh) if kind in what]


def test_a_kind_of_istio_that_is_not_known_is_refused_or_listed(tmp_path: Path) -> None:
    other = OTHER.format(version="networking.istio.io/v1", kind="Thing")
    with pytest.raises(RefusedError, match="Thing a: this kind is not known"):
        read(tmp_path, SHOP, other)
    listed = omitted(read(tmp_path, SHOP, other, lenient=True))
    assert [what for what in listed if "Thing a: this kind is not known" in what]


def test_an_unknown_field_is_refused_or_listed_and_the_rest_kept(tmp_path: Path) -> None:
    wrong = GATEWAY.replace(
        "hosts: [shop.example.com]\n", "hosts: [shop.example.com]\n  colour: 1\n"
    )
    with pytest.raises(RefusedError, match=r"VirtualService default/web: spec\.colour: not known"):
        read(tmp_path, SHOP, wrong)
    mesh = read(tmp_path, SHOP, wrong, lenient=True)
    assert omitted(mesh)["VirtualService: spec.colour"] == ("default/web",)
    assert len(mesh.virtual_services) == 1


def test_a_value_that_is_not_known_leaves_its_object_out(tmp_path: Path) -> None:
    wrong = GATEWAY.replace("http: [{", "http: [{timeout: soon, ")
    with pytest.raises(RefusedError, match="timeout = soon: must be a duration"):
        read(tmp_path, SHOP, wrong)
    mesh = read(tmp_path, SHOP, wrong, lenient=True)
    assert mesh.virtual_services == ()
    assert [what for what in omitted(mesh) if "timeout = soon" in what]


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("{action: AUDIT, rules: [{}]}", "AuthorizationPolicy: spec.action = AUDIT"),
        (
            "{targetRefs: [{kind: Service, name: web}], rules: [{}]}",
            "AuthorizationPolicy: spec.targetRefs of a Service",
        ),
    ],
)
def test_a_policy_that_no_proxy_applies_is_listed(tmp_path: Path, spec: str, what: str) -> None:
    head = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}"
    assert omitted(read(tmp_path, SHOP, f"{head}\nspec: {spec}"))[what] == ("default/p",)


ROOT_CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
OPERATOR = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: istio}\n"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (f"{ROOT_CONFIG}data: [1]", "ConfigMap istio-system/istio: data: must be an object"),
        (f"{ROOT_CONFIG}data: {{mesh: text}}", "ConfigMap istio-system/istio: data.mesh: must be"),
        (f"{ROOT_CONFIG}data: {{mesh: '{'[' * 9999}'}}", "data.mesh: is nested too deeply"),
        (f"{OPERATOR}spec: [1]", "IstioOperator istio: spec: must be an object"),
        (
            f"{OPERATOR}spec: {{meshConfig: {{outboundTrafficPolicy: x}}}}",
            "MeshConfig: outboundTrafficPolicy: must be an object",
        ),
    ],
)
def test_a_mesh_config_that_is_none_is_refused(tmp_path: Path, given: str, refusal: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(tmp_path, SHOP, given)
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: a{metadata}}}
spec: {{containers: [{{name: a, image: a}}]{spec}}}
"""


@pytest.mark.parametrize(
    ("metadata", "spec", "runs"),
    [
        ("", "", True),
        (", annotations: {helm.sh/hook: test}", "", False),
        (", annotations: {helm.sh/hook: 'pre-delete, post-delete'}", "", False),
        (", annotations: {helm.sh/hook: 'test,post-install'}", "", True),
        ("", ", restartPolicy: Never", False),
        ("", ", restartPolicy: Always", True),
    ],
)
def test_a_pod_of_helm_test_and_one_that_ends_are_left_out(
    tmp_path: Path, metadata: str, spec: str, *, runs: bool
) -> None:
    mesh = read(tmp_path, SHOP, POD.format(metadata=metadata, spec=spec))
    assert [each.name for each in mesh.workloads] == (["web-v1", "a"] if runs else ["web-v1"])
    assert ("Pod" in omitted(mesh)) is not runs


def test_a_gateway_and_a_workload_of_one_name_are_two(tmp_path: Path) -> None:
    injected = "annotations: {inject.istio.io/templates: gateway}, labels: {a: b}"
    one = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web-v1, namespace: edge}}\n"
    spec = (
        f"template: {{metadata: {{{injected}}}, spec: {{containers: [{{name: a, image: auto}}]}}}}"
    )
    mesh = read(tmp_path, f"{one.format()}spec: {{{spec}}}", SHOP)
    assert [each.namespace for each in mesh.gateway_proxies] == ["edge"]
    assert [each.namespace for each in mesh.workloads] == ["default"]
