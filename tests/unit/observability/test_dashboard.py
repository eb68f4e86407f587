"""The canary's dashboard: what Grafana is given, and what its queries make of Istio's metrics."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from observability import dashboard
from observability.prometheus import ROUTE_WEIGHT
from petmesh.ramp.prometheus import Queries
from tests.unit.declared import local, manifest
from tests.unit.promtool import check_rules, play

WORKLOAD = 'destination_workload="details-{}"'
VALUES = {
    "$namespace": "pets",
    "$service": "details",
    "$__rate_interval_ms": "60000",
    "$__rate_interval": "1m",
}


def filled(expression: str) -> str:
    """An expression as Grafana sends it."""
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    return expression


def expression(title: str, number: int = 0) -> str:
    [panel] = [each for each in dashboard.PANELS if each.title == title]
    return filled(panel.queries[number].expression)


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    expressions = [
        filled(query.expression) for panel in dashboard.PANELS for query in panel.queries
    ]
    assert len(expressions) > 6
    assert not any("$" in each for each in expressions)
    rules = [
        {"record": f"panel:query:{number}", "expr": each} for number, each in enumerate(expressions)
    ]
    check_rules(tmp_path, [{"name": "dashboard", "rules": rules}])


def series(
    version: str, per_scrape: float, reporter: str = "destination", code: str = "200"
) -> dict[str, str]:
    labels = (
        f'destination_workload_namespace="pets",destination_service_name="details",'
        f'destination_workload="details-{version}",destination_version="{version}",reporter="{reporter}",response_code="{code}",'
        'response_flags="-"'
    )
    return {"series": f"istio_requests_total{{{labels}}}", "values": f"0+{per_scrape}x20"}


def weight(version: str, percent: int) -> dict[str, str]:
    host = "details.pets.svc.cluster.local"
    labels = f'destination_service="{host}",destination_version="{version}"'
    return {"series": f"{ROUTE_WEIGHT}{{{labels}}}", "values": f"{percent}x20"}


@pytest.mark.parametrize(
    ("title", "number", "label", "figures"),
    [
        ("Share of the requests", 0, WORKLOAD, (0.75, 0.25)),
        ("Share of the requests", 1, 'destination_version="{}"', (0.7, 0.3)),
        ("Tries per second", 0, WORKLOAD, (2, 1)),
        ("Success", 0, WORKLOAD, (1, 0.8)),
    ],
)
def test_both_versions_are_side_by_side(
    tmp_path: Path, title: str, number: int, label: str, figures: tuple[float, float]
) -> None:
    given = [
        *(series("v1", 30), series("v2", 12), series("v2", 3, code="500")),
        *(series("v1", 30, "source"), series("v2", 10, "source")),
        *(weight("v1", 70), weight("v2", 30)),
    ]
    samples = [
        {"labels": f"{{{label.format(version)}}}", "value": value}
        for version, value in zip(("v1", "v2"), figures, strict=True)
    ]
    test = {"expr": expression(title, number), "eval_time": "4m", "exp_samples": samples}
    play(tmp_path, [], [{"interval": "15s", "input_series": given, "promql_expr_test": [test]}])


def test_a_figure_is_the_one_that_a_ramp_asks_for() -> None:
    def shape(query: str) -> str:
        """A query without what it picks, over how long, by what it sums, and per second or not.

        A ramp looks for what begins in several stretches of its window, a chart in one.
        """
        query = re.sub(r'destination_\w+="[^"]*",?|\[[^]]*\]| by \([^)]*\) ?|,(?=})', "", query)
        query = re.sub(r" offset [^)]+| / \([^)]*\)$", "", query)
        return re.sub(r"\(max_over_time\(\((.*?\) unless .*?\))\)\) or \(\1\)\)", r"\1", query)

    ramp = Queries()
    assert shape(expression("Tries per second")) == shape(ramp.requests)
    assert shape(expression("Failing tries per second")) == shape(ramp.errors)
    assert shape(expression("p99")) == f"histogram_quantile(0.99, {shape(ramp.latency)})"


def test_grafana_is_given_the_dashboard_of_the_stacks_namespace() -> None:
    stack = local(metrics="prometheus", grafana="true", namespace="dev-pets")
    [text] = manifest(stack, "ConfigMap", "grafana-dashboards").inputs["data"].values()
    given: Any = json.loads(text)
    assert [each["current"]["value"] for each in given["templating"]["list"]] == [
        "dev-pets",
        "petdetailsservice",
    ]
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in given["panels"]]
    assert len(set(places)) == len(places) == len(dashboard.PANELS)
    for panel in given["panels"]:
        assert [target["refId"] for target in panel["targets"]] == ["A", "B"][
            : len(panel["targets"])
        ]
        assert panel["datasource"]["uid"] == dashboard.DATA_SOURCE
