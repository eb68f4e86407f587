"""What may reach what: identities, methods and paths, each proxy's view, each pod's network."""

import pytest

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, SERVICES, callers
from tests.unit.declared import (
    in_namespace,
    is_after,
    local,
    local_otherwise,
    manifest,
    manifests,
    pod,
    release,
)

# Identities, methods and paths


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress"])
def test_what_no_policy_allows_is_refused(namespace: str) -> None:
    nothing = in_namespace(local(), "AuthorizationPolicy", namespace)["allow-nothing"]
    assert nothing.inputs["spec"] == {}


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress"])
def test_what_is_allowed_is_allowed_before_the_rest_is_refused(namespace: str) -> None:
    stack = local()
    policies = in_namespace(stack, "AuthorizationPolicy", namespace)
    nothing = policies.pop("allow-nothing")
    for policy in policies.values():
        assert is_after(stack, nothing, policy)
    assert is_after(stack, manifest(stack, "Gateway", "petmesh"), nothing)


def test_anybody_may_get_at_the_ingress_and_no_more() -> None:
    policy = manifest(local(), "AuthorizationPolicy", "istio-ingressgateway").inputs
    assert policy["metadata"]["namespace"] == "istio-ingress"
    assert policy["spec"] == {
        "selector": {
            "matchLabels": {"app": "istio-ingressgateway", "istio": "ingressgateway"},
        },
        "action": "ALLOW",
        "rules": [{"to": [{"operation": {"methods": ["GET", "HEAD"]}}]}],
    }


def test_each_back_end_is_petservices_and_the_ingress_calls_petservice_alone() -> None:
    assert callers(PETDETAILS) == callers(PETMEDICALHISTORY) == (PETSERVICE,)
    assert callers(PETSERVICE) == ()


# Views

HOST = "./{}.pets.svc.cluster.local"
PETS = HOST.format("petservice")
DETAILS = HOST.format("petdetailsservice")
HISTORY = HOST.format("petmedicalhistoryservice")
COLLECTOR = "observability/opentelemetry-collector.observability.svc.cluster.local"


@pytest.mark.parametrize(
    ("service", "config", "hosts"),
    [
        ("petservice", {}, [PETS, DETAILS, HISTORY]),
        (
            "petservice",
            {"dogApiEnabled": "true"},
            [PETS, DETAILS, HISTORY, "./api.thedogapi.com"],
        ),
        ("petdetailsservice", {"dogApiEnabled": "true"}, [DETAILS]),
        ("petmedicalhistoryservice", {"tracing": "jaeger"}, [HISTORY, COLLECTOR]),
    ],
)
def test_a_proxy_sees_what_its_service_calls_and_its_own_limits(
    service: str, config: dict[str, str], hosts: list[str]
) -> None:
    assert manifest(local(**config), "Sidecar", service).inputs["spec"] == {
        "workloadSelector": {"labels": {"app": service}},
        "egress": [{"hosts": hosts}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


def test_any_other_proxy_sees_its_namespace_and_istiods() -> None:
    sidecar = manifest(local_otherwise(), "Sidecar", "default").inputs
    assert sidecar["metadata"]["namespace"] == "dev-pets"
    assert sidecar["spec"] == {
        "egress": [{"hosts": ["./*", "istio-system/*"]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


def test_no_pod_starts_with_a_wider_view() -> None:
    stack = local()
    assert manifests(stack, "Sidecar").keys() == {"default", *(each.name for each in SERVICES)}
    for name, deployment in manifests(stack, "Deployment").items():
        service = name.rpartition("-")[0]
        assert is_after(stack, deployment, manifest(stack, "Sidecar", service))
        assert is_after(stack, deployment, manifest(stack, "Sidecar", "default"))


# Pods without privileges


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress", "istio-system", "observability"])
def test_every_pod_is_restricted(namespace: str) -> None:
    stack = local(metrics="prometheus")
    labels = manifest(stack, "Namespace", namespace).inputs["metadata"]["labels"]
    prefix = "pod-security.kubernetes.io/"
    assert {key: value for key, value in labels.items() if key.startswith(prefix)} == {
        f"{prefix}enforce": "restricted",
        f"{prefix}enforce-version": "v1.34",
        f"{prefix}audit": "restricted",
        f"{prefix}audit-version": "latest",
        f"{prefix}warn": "restricted",
        f"{prefix}warn-version": "latest",
    }


def test_no_pod_needs_a_capability_to_redirect_its_traffic() -> None:
    stack = local()
    assert release(stack, "istiod")["values"]["pilot"] == {"cni": {"enabled": True}}
    plugin = release(stack, "istio-cni")
    assert plugin["namespace"] == "kube-system"
    assert plugin["values"]["repair"] == {"enabled": True, "repairPods": True}


def test_every_pod_and_every_injected_container_has_the_runtimes_seccomp_profile() -> None:
    stack = local()
    default = {"type": "RuntimeDefault"}
    istiod = release(stack, "istiod")["values"]
    assert istiod["seccompProfile"] == default
    assert istiod["global"]["proxy"]["seccompProfile"] == default
    assert release(stack, "istio-cni")["values"]["seccompProfile"] == default
    gateway = release(stack, "istio-ingressgateway")["values"]["securityContext"]
    assert gateway["seccompProfile"] == default
    assert gateway["runAsNonRoot"] is True
    for name in manifests(stack, "Deployment"):
        assert pod(stack, name)["securityContext"]["seccompProfile"] == default


def test_the_gateway_listens_on_low_ports_without_a_capability() -> None:
    gateway = release(local(), "istio-ingressgateway")["values"]["securityContext"]
    assert gateway["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
