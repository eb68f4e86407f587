"""Access to the monitoring's pods, and their own rights."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from observability.charts import GRAFANA, KIALI, KUBE_PROMETHEUS_STACK
from observability.prometheus_rights import OPERATOR_ACCOUNT, PROMETHEUS_ACCOUNT
from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import in_cluster, in_namespace, is_after, local, manifest, manifests, spec
from tests.unit.observability.stacks import NAMESPACE, RELEASE, everything, values


def test_the_namespace_takes_restricted_pods_alone() -> None:
    labels = manifest(everything(), "Namespace", NAMESPACE).inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def ends(policy: Mapping[str, Any], way: str, end: str) -> set[tuple[str, int]]:
    """A policy's paths one way: the other end's app or namespace, or any, and the port there."""
    found: set[tuple[str, int]] = set()
    for rule in policy.get(way, []):
        peers: Sequence[Any] = rule.get(end) or [{}]
        for peer in peers:
            found |= {(named(peer), port["port"]) for port in rule["ports"]}
    return found


def named(peer: Mapping[str, Any]) -> str:
    if "ipBlock" in peer:
        return peer["ipBlock"]["cidr"]
    labels = {
        **peer.get("namespaceSelector", {}).get("matchLabels", {}),
        **peer.get("podSelector", {}).get("matchLabels", {}),
    }
    namespace = labels.get("kubernetes.io/metadata.name", "any")
    return labels.get("app.kubernetes.io/name", namespace)


def test_no_pod_is_reached_but_by_the_paths_that_are_used() -> None:
    stack = everything()
    policies = {
        name: each.inputs["spec"]
        for name, each in in_namespace(stack, "NetworkPolicy", NAMESPACE).items()
    }
    default = policies.pop("default-deny")
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    assert {name: ends(each, "ingress", "from") for name, each in policies.items()} == {
        "prometheus": {("grafana", 9090), ("kiali", 9090)},
        "kube-prometheus-stack-prometheus-operator": set(),
        "kube-state-metrics": {("prometheus", 8080)},
        "grafana": {("kiali", 3000)},
        "kiali": set(),
        "jaeger": {("opentelemetry-collector", 4317), ("kiali", 16685), ("kiali", 16686)},
        "opentelemetry-collector": {
            (namespace, port) for namespace in ("pets", "istio-ingress") for port in (4317, 4318)
        },
    }
    api_server = {
        (cidr, port)
        for cidr in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
        for port in (443, 6443, 8443, 16443)
    }
    dns = {("kube-system", 53), ("169.254.20.10/32", 53)}
    called = {name: ends(each, "egress", "to") for name, each in policies.items()}
    assert all(dns <= each for each in called.values())
    assert {name: each - dns for name, each in called.items()} == {
        "prometheus": {
            *api_server,
            ("pets", 15020),
            ("istio-ingress", 15020),
            ("istio-system", 15014),
            ("kube-state-metrics", 8080),
        },
        "kube-prometheus-stack-prometheus-operator": api_server,
        "kube-state-metrics": api_server,
        "grafana": {("prometheus", 9090)},
        "kiali": {
            *api_server,
            ("prometheus", 9090),
            ("istio-system", 15014),
            ("grafana", 3000),
            ("jaeger", 16685),
            ("jaeger", 16686),
        },
        "jaeger": set(),
        "opentelemetry-collector": {("jaeger", 4317)},
    }


def test_who_is_not_there_is_let_in_nowhere() -> None:
    stack = local(metrics="prometheus")
    assert ends(spec(stack, "NetworkPolicy", "prometheus"), "ingress", "from") == set()


def test_no_password_is_in_the_state() -> None:
    chart = values(everything(), GRAFANA.name)
    assert not {"adminPassword", "admin", "env", "envValueFrom"} & chart.keys()
    assert "auth.anonymous" not in chart["grafana.ini"]
    wired = values(everything(), KIALI.name)["external_services"]["grafana"]["auth"]
    assert wired["password"] == "secret:grafana:admin-password"


def test_who_looks_at_kiali_logs_in_and_changes_nothing() -> None:
    chart = values(everything(), KIALI.name)
    assert chart["auth"] == {"strategy": "token"}
    assert chart["deployment"]["view_only_mode"] is True


def rights(stack: Declaration, account: str) -> list[Resource]:
    """The bindings of an account of the observability stack."""
    return [
        each
        for each in in_cluster(stack)
        for subject in each.inputs.get("subjects", [])
        if (subject["namespace"], subject["name"]) == (NAMESPACE, account)
    ]


def test_the_account_for_those_who_look_reads_the_meshs_namespaces_and_no_secret() -> None:
    stack = everything()
    bound = {
        (each.inputs["metadata"]["namespace"], each.inputs["roleRef"]["name"])
        for each in rights(stack, "kiali-reader")
    }
    assert bound == {
        (namespace, role)
        for namespace in ("pets", "istio-ingress")
        for role in ("view", "kiali-reader")
    }
    rules = manifest(stack, "ClusterRole", "kiali-reader").inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert all(group.endswith(".istio.io") for rule in rules for group in rule["apiGroups"])


def test_the_operator_keeps_what_it_makes_and_sees_no_other_secret() -> None:
    stack = everything()
    chart = values(stack, KUBE_PROMETHEUS_STACK.name)
    assert chart["global"] == {"rbac": {"create": False}}
    assert chart["prometheusOperator"]["namespaces"] == {"releaseNamespace": True}
    for each in in_cluster(stack):
        for rule in each.inputs.get("rules", []):
            if "secrets" in rule["resources"]:
                assert each.inputs["kind"] == "Role"
                assert each.inputs["metadata"]["namespace"] == NAMESPACE
    whole = [each for each in rights(stack, OPERATOR_ACCOUNT) if "Cluster" in each.type]
    [rule] = manifest(stack, "ClusterRole", whole[0].inputs["roleRef"]["name"]).inputs["rules"]
    assert (rule["resources"], rule["resourceNames"]) == (["namespaces"], [NAMESPACE])


def test_prometheus_finds_pods_where_it_scrapes_alone() -> None:
    stack = everything()
    scraped = {
        namespace
        for kind in ("PodMonitor", "ServiceMonitor")
        for each in manifests(stack, kind).values()
        for namespace in each.inputs["spec"]["namespaceSelector"]["matchNames"]
    }
    bindings = rights(stack, PROMETHEUS_ACCOUNT)
    # Its own holds what tells of the weights.
    assert {each.inputs["metadata"]["namespace"] for each in bindings} == {NAMESPACE, *scraped}
    assert {each.inputs["roleRef"]["kind"] for each in bindings} == {"Role"}


@pytest.mark.parametrize("account", [OPERATOR_ACCOUNT, PROMETHEUS_ACCOUNT])
def test_an_account_has_its_rights_before_its_pods_start(account: str) -> None:
    stack = everything()
    for each in rights(stack, account):
        assert is_after(stack, stack.one(RELEASE, KUBE_PROMETHEUS_STACK.name), each)


def test_kiali_is_wired_to_what_is_there() -> None:
    wired = values(everything(), KIALI.name)["external_services"]
    assert wired["istio"]["root_namespace"] == "istio-system"
    assert wired["tracing"]["internal_url"] == "http://jaeger.observability:16685"
    assert wired["grafana"]["dashboards"][0]["name"] == "Canary"
    alone = values(local(metrics="prometheus", kiali="true"), KIALI.name)["external_services"]
    assert alone["grafana"] == alone["tracing"] == {"enabled": False}
