"""What the charts bring with the declared values is what the rest of the stack counts on."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import pytest

from infra.admission import ISTIO_IMAGES
from istio.install import CNI_NAMESPACE
from istio.network import ISTIOD, NAMESPACE_LABEL, SYSTEM_NAMESPACE, XDS_PORT
from observability import grafana, kiali, prometheus, tracing
from observability.charts import COLLECTOR, GRAFANA, JAEGER, KIALI, KUBE_PROMETHEUS_STACK
from observability.namespace import application
from observability.prometheus_rights import OPERATOR_ACCOUNT, PROMETHEUS_ACCOUNT
from petmesh.guardrails.in_process import violations
from petmesh.guardrails.pack import RULES
from petmesh.guardrails.podspec import containers, selects
from petmesh.guardrails.values import at, entries
from petmesh.guardrails.values import found as fields
from tests.charts.rendered import Installed, Pods
from tests.unit.declared import in_cluster, manifests
from tests.unit.guardrails.judged import alone
from tests.unit.schemas import check

pytestmark = pytest.mark.charts

# Values that a chart reads, though its own have no such key or too few of them: why.
READ: Final[Mapping[tuple[str, str], str]] = {
    ("base", "base.validationFailurePolicy"): "in its templates alone",
    ("gateway", "podAnnotations"): "annotations, taken as they are",
    ("istiod", "base.validationFailurePolicy"): "in a comment",
    ("istiod", "meshConfig"): "istiod's own configuration",
    ("istiod", "pilot"): "taken as if what is in it were at the top",
    ("jaeger", "jaeger.podSecurityContext"): "Kubernetes' own, held to its schema below",
    ("jaeger", "jaeger.resources"): "Kubernetes' own, held to its schema below",
    ("opentelemetry-collector", "ports.otlp-http.appProtocol"): "there for another port",
    ("grafana", "containerSecurityContext"): "Kubernetes' own, held to its schema below",
    ("grafana", "fullnameOverride"): "in its templates alone",
    ("grafana", "grafana.ini"): "Grafana's own configuration",
    ("grafana", "securityContext"): "Kubernetes' own, held to its schema below",
    ("kiali-server", "external_services"): "Kiali's own configuration",
}
# Whose pods have a token of the API server.
TOKENS: Final = {
    "DaemonSet istio-cni-node",
    "Deployment istiod",
    # They call it never, but the chart has no value that says so.
    "Deployment istio-ingressgateway",
    "Deployment istio-egressgateway",
    "Deployment kiali",
    "Deployment kube-prometheus-stack-kube-state-metrics",
    "Deployment kube-prometheus-stack-operator",
    "StatefulSet prometheus-kube-prometheus-stack-prometheus",
}
# What charts let accounts do besides looking, Secrets being no thing to look at: no value takes
# these away.
POWERS: Final = {"kiali": {"pods/portforward", "tokenreviews"}}
# The Services that the program names: their ports, and those of the pods behind.
SERVICES: Final[Mapping[str, Mapping[int, int]]] = {
    ISTIOD.name: {XDS_PORT: XDS_PORT},
    prometheus.SERVICE: {prometheus.PORT: prometheus.PORT},
    grafana.APP: {grafana.SERVICE_PORT: grafana.POD_PORT},
    kiali.APP: {kiali.PORT: kiali.PORT},
    tracing.JAEGER_APP: {
        port: port for port in (tracing.OTLP_PORT, tracing.QUERY_PORT, tracing.UI_PORT)
    },
    tracing.COLLECTOR_APP: {port: port for port in tracing.OTLP_PORTS},
}
# What Prometheus takes, by its field that chooses.
MONITORS: Final = {
    "PodMonitor": "podMonitorSelector",
    "ServiceMonitor": "serviceMonitorSelector",
    "PrometheusRule": "ruleSelector",
}


# Values


def beyond(
    given: Mapping[str, Any], own: Mapping[str, Any], read: Collection[str], within: str = ""
) -> Iterator[str]:
    """The paths that a chart's own values lack, or that are read anyway.

    An empty map there, or nothing, takes anything.
    """
    for key, value in given.items():
        path = f"{within}{key}"
        if key not in own or path in read:
            yield path
        elif isinstance(value, dict) and isinstance(own[key], dict) and own[key]:
            yield from beyond(value, own[key], read, f"{path}.")  # pyright: ignore[reportUnknownArgumentType]


def test_every_declared_value_is_one_that_its_chart_reads(installed: Installed) -> None:
    found = {
        (release.chart, path)
        for release in installed.releases
        for path in beyond(
            release.values,
            release.own_values,
            [path for chart, path in READ if chart == release.chart],
        )
    }
    assert found == READ.keys()


def test_what_the_charts_bring_fits_kubernetes_schema(installed: Installed) -> None:
    for each in installed.brought:
        group = each.inputs["apiVersion"].rpartition("/")[0]
        is_kubernetes = "." not in group or group.endswith(".k8s.io")
        if is_kubernetes and each.inputs["kind"] != "CustomResourceDefinition":
            check(each.inputs)


# Pods


def test_every_pod_keeps_to_the_level_that_its_namespace_enforces(installed: Installed) -> None:
    restricted = {
        name
        for name, each in manifests(installed.stack, "Namespace").items()
        if each.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    }
    elsewhere = {
        release.chart: release.namespace
        for release in installed.releases
        if release.namespace not in restricted
    }
    assert elsewhere == {"cni": CNI_NAMESPACE}
    held = [
        each for each in installed.objects if each.inputs["metadata"]["namespace"] in restricted
    ]
    [rule] = [rule for rule in RULES if rule.name == "pods-restricted"]
    assert not violations(alone(*held), [rule])


def test_every_image_is_pinned_by_its_tag(installed: Installed) -> None:
    images = {
        container["image"] for pods in installed.pods for _, container in containers("", pods.spec)
    }
    # What injection gives.
    images.remove("auto")
    for image in images:
        assert re.search(r":(?!latest\b)\w[\w.-]*$", image), image


def test_binary_authorization_admits_every_image_of_a_chart(installed: Installed) -> None:
    charts = (KUBE_PROMETHEUS_STACK, GRAFANA, KIALI, COLLECTOR, JAEGER)
    admitted = {*ISTIO_IMAGES, *(pattern for chart in charts for pattern in chart.images)}
    images = {
        container["image"] for pods in installed.pods for _, container in containers("", pods.spec)
    }
    used: set[str] = set()
    for image in images - {"auto"}:
        # Where a name has no registry, it is Docker Hub's.
        full = image if "." in image.partition("/")[0] else f"docker.io/{image}"
        repository = full.rpartition("/")[0]
        assert f"{repository}/*" in admitted, image
        used.add(f"{repository}/*")
    assert admitted - used <= set(ISTIO_IMAGES), "admitted, and no chart runs it"


def test_a_pod_that_calls_no_api_server_holds_no_token(installed: Installed) -> None:
    accounts = {
        (each.inputs["metadata"]["namespace"], each.name): each.inputs
        for each in installed.of_kind("ServiceAccount")
    }
    holders = {
        pods.workload
        for pods in installed.pods
        if {**accounts[pods.namespace, pods.spec["serviceAccountName"]], **pods.spec}.get(
            "automountServiceAccountToken", True
        )
    }
    assert holders == TOKENS


def test_what_pods_are_given_is_there(installed: Installed) -> None:
    there = {
        (
            each.inputs["kind"],
            each.inputs["metadata"].get("namespace"),
            each.inputs["metadata"]["name"],
        )
        for each in (*installed.objects, *in_cluster(installed.stack))
        if each.inputs.get("kind") in ("ConfigMap", "Secret")
    }
    for pods in installed.pods:
        for kind, name in given(pods):
            assert (kind, pods.namespace, name) in there, pods.workload


def given(pods: Pods) -> Iterator[tuple[str, str]]:
    """The kinds and names of what pods can't start without."""
    for _, volume in fields(pods.spec, "volumes[]"):
        for field, kind, key in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ):
            if field in volume and not volume[field].get("optional"):
                yield kind, volume[field][key]
    for _, container in containers("", pods.spec):
        for _, variable in fields(container, "env[]"):
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                source = at(variable, f"valueFrom.{field}")
                if source and not source.get("optional"):
                    yield kind, source["name"]


# Accounts


def test_no_chart_lets_those_who_watch_do_more_than_look(installed: Installed) -> None:
    rules = {each.name: each.inputs["rules"] for each in installed.of_kind("Role", "ClusterRole")}
    found: dict[str, set[str]] = {}
    for binding in installed.of_kind("RoleBinding", "ClusterRoleBinding"):
        [account] = binding.inputs["subjects"]
        if account.get("namespace") == "observability":
            for rule in rules[binding.inputs["roleRef"]["name"]]:
                found.setdefault(account["name"], set()).update(powers(rule))
    assert {account: each for account, each in found.items() if each} == POWERS


def powers(rule: Mapping[str, Any]) -> Iterator[str]:
    """The resources that a rule lets an account do more with than look at them."""
    groups = {*rule.get("apiGroups", [])}
    for resource in rule.get("resources", []):
        is_secret = resource == "secrets" or (resource == "*" and {"", "*"} & groups)
        if is_secret or {*rule["verbs"]} - {"get", "list", "watch"}:
            yield resource


def test_who_is_given_rights_has_pods(installed: Installed) -> None:
    accounts = {(pods.namespace, pods.spec["serviceAccountName"]) for pods in installed.pods}
    for account in (OPERATOR_ACCOUNT, PROMETHEUS_ACCOUNT):
        assert ("observability", account) in accounts


# Network


def policies(installed: Installed) -> list[Any]:
    """Every NetworkPolicy of some pods; what closes a whole namespace is left out."""
    return [
        each.inputs
        for each in in_cluster(installed.stack)
        if each.inputs.get("kind") == "NetworkPolicy" and each.inputs["spec"]["podSelector"]
    ]


def selected(installed: Installed, namespace: str, selector: object) -> list[Pods]:
    return [
        pods
        for pods in installed.pods
        if pods.namespace == namespace and selects(selector, pods.labels)
    ]


@pytest.fixture(scope="session")
def namespaces(installed: Installed) -> set[str]:
    """The namespaces that charts alone place pods in."""
    return {release.namespace for release in installed.releases} - {CNI_NAMESPACE}


def test_every_network_policy_is_for_pods_that_are_there(
    installed: Installed, namespaces: set[str]
) -> None:
    for policy in policies(installed):
        namespace = policy["metadata"]["namespace"]
        if namespace in namespaces:
            assert selected(installed, namespace, policy["spec"]["podSelector"]), policy["metadata"]


def test_every_pod_has_a_network_policy_of_its_own(
    installed: Installed, namespaces: set[str]
) -> None:
    opened = [
        pods
        for policy in policies(installed)
        for pods in selected(
            installed, policy["metadata"]["namespace"], policy["spec"]["podSelector"]
        )
    ]
    for pods in installed.pods:
        assert opened.count(pods) == (pods.namespace in namespaces), pods.workload


def test_every_path_leads_to_and_comes_from_pods_that_are_there(
    installed: Installed, namespaces: set[str]
) -> None:
    peers = [
        peer
        for policy in policies(installed)
        for way, end in (("ingress", "from"), ("egress", "to"))
        for _, rule in fields(policy["spec"], f"{way}[]")
        for _, peer in fields(rule, f"{end}[]")
    ]
    for peer in peers:
        namespace = entries(peer, "namespaceSelector.matchLabels").get(NAMESPACE_LABEL)
        if namespace in namespaces:
            assert selected(installed, namespace, peer.get("podSelector", {})), peer


def test_no_chart_opens_a_way_in(installed: Installed) -> None:
    types = {each.inputs["spec"].get("type", "ClusterIP") for each in installed.of_kind("Service")}
    assert types == {"ClusterIP"}
    assert not installed.of_kind("Ingress", "Gateway", "HTTPRoute", "NetworkPolicy")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_the_program_names_leads_to_its_pods(
    installed: Installed, name: str
) -> None:
    [service] = [each.inputs for each in installed.of_kind("Service") if each.name == name]
    selector = {"matchLabels": service["spec"]["selector"]}
    [pods] = selected(installed, service["metadata"]["namespace"], selector)
    named = {
        port["name"]: port["containerPort"]
        for _, container in containers("", pods.spec)
        for _, port in fields(container, "ports[]")
        if "name" in port
    }
    ports = {
        each["port"]: each.get("targetPort", each["port"]) for each in service["spec"]["ports"]
    }
    assert SERVICES[name] == {port: named.get(ports[port], ports[port]) for port in SERVICES[name]}


# Metrics


def test_the_operator_heeds_its_own_namespace_alone(installed: Installed) -> None:
    [operator] = [
        pods
        for pods in installed.pods
        if application(prometheus.OPERATOR_APP).labels.items() <= pods.labels.items()
    ]
    [container] = operator.spec["containers"]
    assert f"--namespaces={operator.namespace}" in container["args"]
    for kind in MONITORS:
        for each in manifests(installed.stack, kind).values():
            assert each.inputs["metadata"]["namespace"] == operator.namespace


def test_prometheus_takes_what_is_declared_for_it(installed: Installed) -> None:
    [own] = installed.of_kind("Prometheus")
    for kind, selector in MONITORS.items():
        for each in manifests(installed.stack, kind).values():
            assert selects(own.inputs["spec"][selector], each.inputs["metadata"]["labels"]), kind


def test_istiod_is_scraped_at_a_port_of_its_service(installed: Installed) -> None:
    monitor = manifests(installed.stack, "ServiceMonitor")["istiod"].inputs["spec"]
    [service] = [
        each.inputs
        for each in installed.of_kind("Service")
        if each.inputs["metadata"]["namespace"] == SYSTEM_NAMESPACE
        and selects(monitor["selector"], each.inputs["metadata"]["labels"])
    ]
    [endpoint] = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
