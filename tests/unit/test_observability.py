"""What is seen of a stack: what its config asks for, pinned, closed, and in the right order."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from observability.charts import COLLECTOR, GRAFANA, JAEGER, KIALI, KUBE_PROMETHEUS_STACK, Chart
from observability.prometheus_rights import OPERATOR_ACCOUNT, PROMETHEUS_ACCOUNT
from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import (
    container,
    gke,
    in_cluster,
    in_namespace,
    is_after,
    local,
    manifest,
    manifests,
    release,
    spec,
)
from tests.unit.schemas import SchemaError, check

RELEASE = "kubernetes:helm.sh/v3:Release"
CHARTS = (KUBE_PROMETHEUS_STACK, GRAFANA, KIALI, JAEGER, COLLECTOR)
NAMESPACE = "observability"
# Whose paths have to be open before a chart starts pods.
PODS = {
    KUBE_PROMETHEUS_STACK: (
        "prometheus",
        "kube-prometheus-stack-prometheus-operator",
        "kube-state-metrics",
    ),
    GRAFANA: ("grafana",),
    KIALI: ("kiali",),
    JAEGER: ("jaeger",),
    COLLECTOR: ("opentelemetry-collector",),
}


def everything() -> Declaration:
    return local(metrics="prometheus", grafana="true", kiali="true", tracing="jaeger")


def managed() -> Declaration:
    return gke(metrics="managed")


def values(stack: Declaration, name: str) -> Any:  # noqa: ANN401 (data)
    return release(stack, name)["values"]


def placed(stack: Declaration) -> set[str]:
    """The releases in the observability namespace."""
    return {each.name for each in stack.of_type(RELEASE) if each.inputs["namespace"] == NAMESPACE}


# What there is


@pytest.mark.parametrize(
    ("config", "charts"),
    [
        ({}, []),
        ({"metrics": "prometheus"}, [KUBE_PROMETHEUS_STACK]),
        ({"metrics": "prometheus", "grafana": "true"}, [KUBE_PROMETHEUS_STACK, GRAFANA]),
        ({"metrics": "prometheus", "kiali": "true"}, [KUBE_PROMETHEUS_STACK, KIALI]),
        ({"tracing": "jaeger"}, [JAEGER, COLLECTOR]),
    ],
)
def test_only_what_is_asked_for_is_there(config: Mapping[str, str], charts: list[Chart]) -> None:
    stack = local(**config)
    assert placed(stack) == {chart.name for chart in charts}
    assert (NAMESPACE in manifests(stack, "Namespace")) == bool(charts)


def test_the_managed_prometheus_places_nothing_in_the_cluster_but_what_it_is_told() -> None:
    stack = managed()
    assert not placed(stack)
    assert NAMESPACE not in manifests(stack, "Namespace")
    told = [each for each in in_cluster(stack) if "monitoring.googleapis.com" in each.type]
    assert {(each.inputs["kind"], each.inputs["metadata"].get("namespace")) for each in told} == {
        ("PodMonitoring", "pets"),
        ("PodMonitoring", "istio-ingress"),
        ("PodMonitoring", "istio-system"),
        # What the ingress counts, a namespace's own rules don't see.
        ("ClusterRules", None),
    }
    for each in told:
        assert is_after(stack, each, stack.one(RELEASE, "istiod"))
        assert is_after(stack, each, manifest(stack, "Namespace", "pets"))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_pinned_and_comes_from_its_repository(chart: Chart) -> None:
    declared = release(everything(), chart.name)
    assert declared["version"] == chart.version
    assert declared["repositoryOpts"] == {"repo": chart.repository}
    assert chart.repository.startswith("https://")


def test_the_same_alerts_are_evaluated_by_either_prometheus() -> None:
    own = spec(everything(), "PrometheusRule", "petmesh")
    assert own == spec(managed(), "ClusterRules", "petmesh-pets")
    assert len(own["groups"]) == 1


def test_a_prometheus_that_is_let_in_is_told_how() -> None:
    forwards = everything().outputs["observability"]
    assert forwards == {
        "grafana": f"kubectl --namespace {NAMESPACE} port-forward service/grafana 3000:80",
        "jaeger": f"kubectl --namespace {NAMESPACE} port-forward service/jaeger 16686:16686",
        "kiali": f"kubectl --namespace {NAMESPACE} port-forward service/kiali 20001:20001",
        "prometheus": f"kubectl --namespace {NAMESPACE} port-forward "
        "service/kube-prometheus-stack-prometheus 9090:9090",
    }
    assert local().outputs["observability"] == {}


# Form


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_what_the_operator_reads_fits_its_crd(kind: str) -> None:
    [each] = manifests(everything(), kind).values()
    check(each.inputs)
    with pytest.raises(SchemaError, match="selektor"):
        check({**each.inputs, "spec": {**each.inputs["spec"], "selektor": {}}})


@pytest.mark.parametrize("access_logs", ["all", "errors", "off"])
def test_what_proxies_are_told_fits_its_crd(access_logs: str) -> None:
    check(
        manifest(
            local(accessLogs=access_logs, tracing="jaeger"), "Telemetry", "mesh-default"
        ).inputs
    )


def test_what_kubernetes_reads_fits_its_schema() -> None:
    stack = everything()
    for kind in ("NetworkPolicy", "ConfigMap", "Namespace", "Role", "ClusterRoleBinding"):
        for each in manifests(stack, kind).values():
            check(each.inputs)


# Order


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_what_the_operator_reads_comes_after_its_crds(kind: str) -> None:
    stack = everything()
    [each] = manifests(stack, kind).values()
    chart = stack.one(RELEASE, KUBE_PROMETHEUS_STACK.name)
    assert is_after(stack, each, chart)
    assert each.inputs["metadata"]["labels"] == {"release": chart.inputs["name"]}


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_installed_once_its_namespace_is_closed_and_its_paths_are_open(
    chart: Chart,
) -> None:
    stack = everything()
    installed = stack.one(RELEASE, chart.name)
    policies = in_namespace(stack, "NetworkPolicy", NAMESPACE)
    for name in ("default-deny", *PODS[chart]):
        assert is_after(stack, installed, policies[name])


def test_grafana_starts_with_its_dashboards() -> None:
    stack = everything()
    dashboards = manifest(stack, "ConfigMap", "grafana-dashboards")
    assert is_after(stack, stack.one(RELEASE, GRAFANA.name), dashboards)
    assert values(stack, GRAFANA.name)["dashboardsConfigMaps"] == {"petmesh": "grafana-dashboards"}


def test_kiali_starts_once_grafanas_secret_is_there() -> None:
    stack = everything()
    assert is_after(stack, stack.one(RELEASE, KIALI.name), stack.one(RELEASE, GRAFANA.name))


def test_a_change_of_weight_touches_nothing_that_watches_it() -> None:
    def watching(stack: Declaration) -> dict[str, Any]:
        return {
            each.urn: each.inputs for each in in_cluster(stack) if "VirtualService" not in each.type
        }

    config = {"metrics": "prometheus", "grafana": "true"}
    assert watching(local(**config)) == watching(local(canaryWeight="25", **config))


# Closed


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


# What is scraped


def test_every_proxy_is_scraped_each_fifteen_seconds() -> None:
    monitor = spec(everything(), "PodMonitor", "istio-proxies")
    assert monitor["namespaceSelector"] == {"matchNames": ["pets", "istio-ingress"]}
    [endpoint] = monitor["podMetricsEndpoints"]
    assert (endpoint["path"], endpoint["interval"]) == ("/stats/prometheus", "15s")
    for each in manifests(managed(), "PodMonitoring").values():
        [endpoint] = each.inputs["spec"]["endpoints"]
        assert endpoint["interval"] == "15s"


# What proxies tell


def telemetry(**config: str) -> Any:  # noqa: ANN401 (data)
    return spec(local(**config), "Telemetry", "mesh-default")


@pytest.mark.parametrize(
    ("access_logs", "told"),
    [
        ("all", {}),
        ("errors", {"filter": {"expression": "!has(response.code) || response.code >= 400"}}),
        ("off", {"disabled": True}),
    ],
)
def test_the_access_log_is_as_configured(access_logs: str, told: Mapping[str, object]) -> None:
    [log] = telemetry(accessLogs=access_logs)["accessLogging"]
    assert log == {"providers": [{"name": "envoy"}], **told}
    mesh = values(local(accessLogs=access_logs), "istiod")["meshConfig"]
    assert "accessLogFile" not in mesh


def test_requests_are_traced_to_the_collector() -> None:
    stack = local(tracing="jaeger", tracingSamplingPercent="0")
    [traces] = spec(stack, "Telemetry", "mesh-default")["tracing"]
    assert traces == {"providers": [{"name": "opentelemetry"}], "randomSamplingPercentage": 0}
    [provider] = values(stack, "istiod")["meshConfig"]["extensionProviders"]
    assert provider == {
        "name": "opentelemetry",
        "opentelemetry": {
            "service": "opentelemetry-collector.observability.svc.cluster.local",
            "port": 4317,
        },
    }


@pytest.mark.parametrize("service", ["petservice-v1", "petdetailsservice-v2"])
def test_services_add_to_the_traces_of_the_mesh(service: str) -> None:
    def environment(**config: str) -> dict[str, str]:
        env = container(local(**config), service)["env"]
        return {each["name"]: each["value"] for each in env if each["name"].startswith("OTEL_")}

    assert environment() == {}
    assert environment(tracing="jaeger") == {
        "OTEL_SERVICE_NAME": f"{service.rpartition('-')[0]}.pets",
        "OTEL_EXPORTER_OTLP_ENDPOINT": (
            "http://opentelemetry-collector.observability.svc.cluster.local:4318"
        ),
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }


def test_without_tracing_nobody_is_told_of_a_collector() -> None:
    assert "tracing" not in telemetry()
    assert "extensionProviders" not in values(local(), "istiod")["meshConfig"]
