"""Scraped targets, and the telemetry of proxies and services."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.declared import container, local, manifests, spec
from tests.unit.observability.stacks import everything, managed, values

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
