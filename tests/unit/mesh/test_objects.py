"""Declared objects are read strictly: known, left out with a reason, or refused by name."""

from typing import Any

import pytest

from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from tests.unit.declared import gke, local
from tests.unit.mesh.meshes import Change, mesh, with_change, with_values


def test_the_local_stack_is_read_whole() -> None:
    read = mesh()
    assert {service.metadata.name for service in read.services} == {
        "petservice",
        "petdetailsservice",
        "petmedicalhistoryservice",
    }
    assert {(workload.name, workload.replicas) for workload in read.workloads} == {
        ("petservice-v1", 1),
        ("petdetailsservice-v1", 1),
        ("petdetailsservice-v2", 1),
        ("petmedicalhistoryservice-v1", 1),
    }
    assert read.gateway_proxies[0].labels == {
        "app": "istio-ingressgateway",
        "istio": "ingressgateway",
    }


TWO_ISTIODS = {"istioCanaryVersion": "1.30.4", "istioCanaryNamespaces": '["pets"]'}


def test_two_istiods_of_one_meshconfig_are_one_mesh() -> None:
    one, two = mesh(), mesh(**TWO_ISTIODS)
    assert two.config == one.config
    assert sorted(two.workloads, key=repr) == sorted(one.workloads, key=repr)
    assert sorted(two.services, key=repr) == sorted(one.services, key=repr)


def test_two_istiods_that_differ_are_refused() -> None:
    changed = with_values(
        "istiod",
        lambda inputs: inputs["values"]["meshConfig"].update(proxyHttpPort=1),
        **TWO_ISTIODS,
    )
    with pytest.raises(RefusedError, match="meshConfig: must be that of the other istiod"):
        gather(changed)


def test_the_autoscalers_minimum_is_the_number_of_pods() -> None:
    assert {workload.replicas for workload in mesh(minReplicas="2", maxReplicas="3").workloads} == {
        2
    }


def add(**fields: object) -> Change:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"].update(fields)

    return change


def add_to_route(**fields: object) -> Change:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"][0].update(fields)

    return change


def add_to_container(**fields: object) -> Change:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["template"]["spec"]["containers"][0].update(fields)

    return change


def mark(kind: str, **marks: str) -> Change:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["metadata"].setdefault(kind, {}).update(marks)

    return change


DETAILS_ROUTE = ("VirtualService", "petdetailsservice")
UNKNOWN = "not known to the rehearsal"


@pytest.mark.parametrize(
    ("kind", "name", "change", "refusal"),
    [
        (*DETAILS_ROUTE, add_to_route(copies=[]), f"spec.http[0].copies: {UNKNOWN}"),
        (*DETAILS_ROUTE, add(udp=[]), f"spec.udp: {UNKNOWN}"),
        (
            *DETAILS_ROUTE,
            add_to_route(timeout="soon"),
            "spec.http[0].timeout = soon: must be a duration such as 2s or 250ms",
        ),
        (
            *DETAILS_ROUTE,
            add_to_route(match=[{"uri": {"exact": "/a", "prefix": "/b"}}]),
            "spec.http[0].match[0].uri: must have exactly one of exact, prefix and regex",
        ),
        (
            "DestinationRule",
            "petdetailsservice",
            add(podSelector={}),
            f"spec.podSelector: {UNKNOWN}",
        ),
        (
            "AuthorizationPolicy",
            "petservice",
            add(action="CUSTOM"),
            "spec: CUSTOM needs a provider, and no other action has one",
        ),
        (
            "Deployment",
            "petservice-v1",
            add_to_container(hostPorts=[]),
            f"spec.template.spec.containers[0].hostPorts: {UNKNOWN}",
        ),
        (
            "Deployment",
            "petservice-v1",
            mark("annotations", **{"traffic.sidecar.istio.io/excludeInboundPorts": "1"}),
            f"metadata.annotations.traffic.sidecar.istio.io/excludeInboundPorts: {UNKNOWN}",
        ),
        (
            "Service",
            "petservice",
            mark("labels", **{"istio.io/ingress-use-waypoint": "true"}),
            f"metadata.labels.istio.io/ingress-use-waypoint: {UNKNOWN}",
        ),
        (
            "Service",
            "petservice",
            add(type="LoadBalancer"),
            "spec.type = LoadBalancer: only the ingress gateway is reached from outside",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    kind: str, name: str, change: Change, refusal: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        gather(with_change(kind, name, change))
    assert str(refused.value) == f"{kind} pets/{name}: {refusal}"


def test_an_open_egress_is_refused() -> None:
    def open_up(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["values"]["meshConfig"]["outboundTrafficPolicy"]["mode"] = "ALLOW_ANY"

    with pytest.raises(RefusedError, match="ALLOW_ANY: only REGISTRY_ONLY can be rehearsed"):
        gather(with_values("istiod", open_up))


def test_an_unknown_chart_value_is_refused() -> None:
    def add_value(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["values"]["meshConfig"]["caCertificates"] = []

    with pytest.raises(RefusedError) as refused:
        gather(with_values("istiod", add_value))
    assert str(refused.value) == (
        "Release istio-system/istiod: values: meshConfig.caCertificates: not known to the rehearsal"
    )


def test_pods_without_a_sidecar_are_refused() -> None:
    def unlabel(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["metadata"]["labels"] = {}

    with pytest.raises(RefusedError, match="petservice-v1: its namespace isn't labelled"):
        gather(with_change("Namespace", "pets", unlabel))


def test_what_is_left_out_is_listed_with_its_reason_and_objects() -> None:
    omissions = {omission.what: omission for omission in mesh().omissions}
    assert omissions["PodDisruptionBudget"].reason == "there are no nodes here"
    assert len(omissions["PodDisruptionBudget"].objects) == 4
    security = omissions["Deployment: spec.template.spec.containers[].securityContext"]
    assert security.reason.startswith("processes of this machine")
    assert "pets/petservice-v1" in security.objects


def test_every_field_of_the_local_stacks_objects_is_used_or_listed() -> None:
    """Nothing is ignored in silence: without a field the mesh or its list of omissions differs."""
    declaration = local()
    for kind, name, path in (
        ("VirtualService", "petdetailsservice", ("spec", "http", 0, "timeout")),
        ("DestinationRule", "petdetailsservice", ("spec", "trafficPolicy", "outlierDetection")),
        ("Deployment", "petservice-v1", ("spec", "strategy")),
        ("HorizontalPodAutoscaler", "petservice-v1", ("spec", "metrics")),
    ):

        def drop(inputs: Any, path: tuple[Any, ...] = path) -> None:  # noqa: ANN401 (data)
            for part in path[:-1]:
                inputs = inputs[part]
            del inputs[path[-1]]

        assert gather(with_change(kind, name, drop)) != gather(declaration), path


EVERYTHING = {"metrics": "prometheus", "grafana": "true", "kiali": "true", "tracing": "jaeger"}


def test_network_policies_are_told_to_be_checked_on_paper_alone() -> None:
    of = mesh()
    [omission] = [each for each in of.omissions if each.what == "NetworkPolicy"]
    assert "checked on paper" in omission.reason
    assert len(omission.objects) == len(of.network_policies) > 0


def test_what_watches_a_mesh_is_left_out_by_name() -> None:
    watched = mesh(**EVERYTHING)
    added = {each.what for each in watched.omissions} - {each.what for each in mesh().omissions}
    assert {
        "ConfigMap",
        "Environment variable OTEL_EXPORTER_OTLP_ENDPOINT",
        "PodMonitor",
        "PrometheusRule",
        "Release of chart jaeger",
        "Release of chart kube-prometheus-stack",
        "Release of chart istiod: values.meshConfig.extensionProviders",
        "ServiceMonitor",
        "Telemetry: spec.tracing[].providers",
    } <= added
    for workload in watched.workloads:
        assert not [each for each in workload.container.env if each.name.startswith("OTEL_")]


def test_what_googles_prometheus_is_told_is_left_out() -> None:
    omissions = {each.what for each in gather(gke(metrics="managed")).omissions}
    assert {"ClusterRules", "PodMonitoring"} <= omissions


def test_a_log_that_something_else_collects_is_left_out() -> None:
    def collected(each: dict[str, Any]) -> None:
        each["spec"]["accessLogging"][0]["providers"] = [{"name": "otel"}]

    read = gather(with_change("Telemetry", "mesh-default", collected))
    assert "Telemetry: access log of otel" in {each.what for each in read.omissions}
