"""Invariants of every resource of every stack: provider, name, parent, determinism."""

import ast
from collections import Counter

import pytest

from demo.pets import CATALOG
from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from settings import ROOT
from tests.unit.declared import gke, google_managed, in_cluster, local

STACKS = {
    "local": lambda: local(dogApiEnabled="true"),
    "with tls": lambda: local(
        ingressTls="certManager", ingressIssuer="corporate", ingressRequestsPerSecond="5"
    ),
    "with an egress gateway": lambda: local(
        dogApiEnabled="true", egressGateway="true", metrics="prometheus"
    ),
    "gke": gke,
    "gke with Google's load balancer": google_managed,
}
# It holds nothing and comes after everything.
GUARD = "petmesh:stack:DeletionProtection"
# What is at the top of a stack: components, the provider of a cluster that exists, the routes, and
# single objects that guard a whole namespace or gateway.
TOP = {
    "petmesh:apps:MeshService",
    "petmesh:apps:ServicePolicies",
    "petmesh:infra:GkePlatform",
    "petmesh:infra:LoadBalancer",
    "petmesh:istio:EgressGateway",
    "petmesh:istio:EgressRoute",
    "petmesh:istio:ExternalHost",
    "petmesh:istio:IstioMesh",
    "petmesh:istio:MeshNamespace",
    "petmesh:observability:Observability",
    GUARD,
    "kubernetes:cert-manager.io/v1:Certificate",
    "kubernetes:networking.istio.io/v1:Gateway",
    "kubernetes:networking.istio.io/v1:VirtualService",
    "kubernetes:networking.istio.io/v1alpha3:EnvoyFilter",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:security.istio.io/v1:AuthorizationPolicy",
    "pulumi:providers:kubernetes",
}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Declaration:
    return STACKS[request.param]()


def test_every_object_in_the_cluster_has_the_stacks_own_provider(stack: Declaration) -> None:
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    reads = [each for each in stack.resources if each.read_id]
    for each in (*in_cluster(stack), *reads):
        assert each.provider == provider.urn, each.urn


def test_a_version_is_created_after_its_policies_and_those_of_whom_it_calls() -> None:
    guarding = {"AuthorizationPolicy", "NetworkPolicy", "Sidecar"}
    for version, guarded in {
        "petdetailsservice-v1-deployment": {"petdetailsservice"},
        "petservice-v1-deployment": {each.name for each in CATALOG},
    }.items():
        stack = local()
        [deployment] = [each for each in stack.resources if each.name == version]
        before = [each for each in stack.resources if each.urn in deployment.dependencies]
        policies = {
            (each.inputs["kind"], each.inputs["metadata"]["name"])
            for each in before
            if each.inputs.get("kind") in guarding
        }
        assert len(policies) == len(guarding) * len(guarded)
        assert {name.split("-")[0] for _, name in policies} == guarded


def test_every_object_in_the_cluster_is_named_by_the_program(stack: Declaration) -> None:
    names = Counter[tuple[str, str, str]]()
    for each in in_cluster(stack):
        named = each.inputs if each.type.endswith(":Release") else each.inputs["metadata"]
        assert named["name"], each.urn
        names[each.type, named.get("namespace", ""), named["name"]] += 1
    assert set(names.values()) == {1}


def test_every_object_in_a_namespace_says_which(stack: Declaration) -> None:
    namespaces = {
        each.inputs["metadata"]["name"]
        for each in in_cluster(stack)
        if each.inputs.get("kind") == "Namespace"
    }
    for each in in_cluster(stack):
        if each.type.endswith(":Release"):
            assert each.inputs["namespace"] in {*namespaces, "kube-system"}
        elif each.inputs["kind"] not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
            assert each.inputs["metadata"]["namespace"] in namespaces, each.urn


def test_every_resource_lies_in_its_component(stack: Declaration) -> None:
    top = {each.type for each in stack.resources if "pulumi:pulumi:Stack" in each.parent}
    assert top <= TOP
    components = {each.urn: each for each in stack.resources if not each.custom}
    for each in stack.resources:
        if each.type not in top:
            assert each.parent in components, each.urn


def test_every_component_holds_something_or_guards_everything(stack: Declaration) -> None:
    parents = {each.parent for each in stack.resources}
    for each in stack.resources:
        if not each.custom and each.type != GUARD:
            assert each.urn in parents, each.urn


def test_no_input_in_clear_looks_like_a_credential(stack: Declaration) -> None:
    for each in stack.resources:
        for key in each.inputs:
            assert not {"password", "token", "privateKey"} & {key}, each.urn


def test_the_same_config_declares_the_same(stack: Declaration) -> None:
    again = declare(stack.stack, stack.config)
    # In which order independent resources register is the event loop's choice.
    assert {each.urn: each for each in again.resources} == {
        each.urn: each for each in stack.resources
    }
    assert again.outputs == stack.outputs


def test_the_program_warns_of_nothing(stack: Declaration) -> None:
    assert not stack.warnings


def test_only_settings_reads_config() -> None:
    folders = ("stack", "infra", "istio", "observability", "apps")
    for path in (ROOT / "__main__.py", *(each for f in folders for each in ROOT.glob(f"{f}/*.py"))):
        called = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert not called & {"Config", "get_config", "environ", "getenv"}, path
