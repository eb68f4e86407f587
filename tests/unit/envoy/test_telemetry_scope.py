"""Which Telemetry a proxy's access logs follow: the narrowest that has any."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.proxy import ProxyFiles
from tests.unit.envoy.laid import istio, laid

MESH = "{accessLogging: [{}]}"
QUIET = "{accessLogging: [{disabled: true}]}"


def telemetry(name: str, spec: str, namespace: str = "default") -> str:
    text = istio("Telemetry", name, spec, "telemetry")
    return text.replace(f"{{name: {name}}}", f"{{name: {name}, namespace: {namespace}}}")


def logged(files: ProxyFiles) -> set[str]:
    """The listeners that write the access log, besides the log of decisions."""

    def logs(listener: Any) -> list[Any]:  # noqa: ANN401 (data)
        return [
            log
            for chain in listener["filter_chains"]
            for log in chain["filters"][-1]["typed_config"].get("access_log", ())
            if log["typed_config"]["path"].endswith("access.log")
        ]

    return {listener["name"] for listener in files.listeners if logs(listener)}


ALL = {"outbound", "inbound_8080", "inbound_9090", "inbound_5432"}


@pytest.mark.parametrize(
    ("telemetries", "expected"),
    [
        ([], set[str]()),
        ([telemetry("root", MESH, "istio-system")], ALL),
        ([telemetry("root", MESH, "istio-system"), telemetry("own", QUIET)], set[str]()),
        ([telemetry("own", QUIET), telemetry("root", MESH, "other")], set[str]()),
        (
            [
                telemetry("own", QUIET),
                telemetry("web", f"{{selector: {{matchLabels: {{app: web}}}}, {MESH[1:]}"),
            ],
            ALL,
        ),
        (
            [telemetry("root", MESH, "istio-system"), telemetry("traces", "{tracing: [{}]}")],
            ALL,
        ),
        ([telemetry("own", "{accessLogging: [{match: {mode: CLIENT}}]}")], {"outbound"}),
        ([telemetry("own", "{accessLogging: [{match: {mode: SERVER}}]}")], ALL - {"outbound"}),
        ([telemetry("own", "{accessLogging: [{providers: [{name: otel}]}]}")], set[str]()),
        ([telemetry("own", "{accessLogging: [{providers: [{name: envoy}]}]}")], ALL),
    ],
)
def test_the_narrowest_telemetry_holds(
    tmp_path: Path, telemetries: list[str], expected: set[str]
) -> None:
    policy = istio("AuthorizationPolicy", "all", "{rules: [{}]}", "security")
    assert logged(laid(tmp_path, policy, *telemetries).sidecar("web")) == expected
