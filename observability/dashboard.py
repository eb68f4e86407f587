"""The canary's dashboard: a service's versions side by side, by the same queries as a ramp's.

Source:
    https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from observability.prometheus import ROUTE_WEIGHT
from petmesh.ramp import istio_queries as metrics

TITLE = "Canary"
DATA_SOURCE = "prometheus"
_SOURCE = {"type": "prometheus", "uid": DATA_SOURCE}
_LABELS = 'destination_workload_namespace="$namespace",destination_service_name="$service"'
# A route in any namespace, such as the ingress's, by the host that it leads to.
_HOST = 'destination_service="$service.$namespace.svc.cluster.local"'
# Grafana's: at least four scrapes, so that an increase never lacks one.
_WINDOW = metrics.Window("$__rate_interval")
_SECONDS = "($__rate_interval_ms / 1000)"
# The workload's name has the version; a caller that can't reach a pod has no label of it alone.
_VERSION = "destination_workload"
_LEGEND = f"{{{{{_VERSION}}}}}"
_PANEL_WIDTH = 12
_PANEL_HEIGHT = 8


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: PromQL, with the dashboard's variables in it.
        legend: How its series are named.
    """

    expression: str
    legend: str = _LEGEND


@dataclass(frozen=True)
class Panel:
    """A panel of lines over time, one for each version.

    Attributes:
        title: Its heading.
        description: What the figure is.
        unit: Grafana's name of the unit.
        queries: What it shows.
    """

    title: str
    description: str
    unit: str
    queries: Sequence[Query]


def _by_version(inner: str, *more: str) -> str:
    return f"sum by ({', '.join([_VERSION, *more])}) ({inner})"


def _quantile(quantile: float) -> Query:
    durations = _by_version(metrics.durations(_LABELS, _WINDOW), "le")
    return Query(f"histogram_quantile({quantile}, {durations})")


_TRIES = _by_version(metrics.requests(_LABELS, _WINDOW))
_FAILURES = _by_version(metrics.failures(_LABELS, _WINDOW))
_ROUTED = f"sum by (destination_version) ({ROUTE_WEIGHT}{{{_HOST}}}) / 100"
_CALLS = metrics.calls(_LABELS, _WINDOW)
_SHARE = f"{_by_version(_CALLS)} / scalar(sum({_CALLS}))"

PANELS = (
    Panel(
        "Share of the requests",
        "The share of the callers' requests that each version gets, and its weight in the route.",
        "percentunit",
        (Query(_SHARE, f"{_LEGEND} measured"), Query(_ROUTED, "{{destination_version}} weight")),
    ),
    Panel(
        "Tries per second",
        "The tries that each version gets, with retried and mirrored requests.",
        "reqps",
        (Query(f"{_TRIES} / {_SECONDS}"),),
    ),
    Panel(
        "Success",
        "The share of each version's tries that did not fail.",
        "percentunit",
        (Query(f"1 - ({_FAILURES} or 0 * {_TRIES}) / {_TRIES}"),),
    ),
    Panel("p50", "Half of each version's tries took no longer.", "ms", (_quantile(0.5),)),
    Panel("p99", "99 of 100 of each version's tries took no longer.", "ms", (_quantile(0.99),)),
    Panel(
        "Failing tries per second",
        "Answers of 5xx, tries that never arrived, and tries that the caller gave up.",
        "reqps",
        (Query(f"{_FAILURES} / {_SECONDS}"),),
    ),
)


def as_json(namespace: str, service: str) -> str:
    """Return the dashboard as Grafana reads it, with a service of a namespace selected at first."""
    dashboard = {
        "uid": "petmesh-canary",
        "title": TITLE,
        "tags": ["petmesh", "istio"],
        "schemaVersion": 41,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {
            "list": [
                _variable("namespace", namespace, "destination_workload_namespace", ""),
                _variable(
                    "service",
                    service,
                    "destination_service_name",
                    'destination_workload_namespace="$namespace"',
                ),
            ]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }
    return json.dumps(dashboard, indent=1)


def _variable(name: str, first: str, label: str, selector: str) -> Mapping[str, object]:
    query = f"label_values(istio_requests_total{{{selector}}}, {label})"
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "current": {"text": first, "value": first},
    }


def _panel(number: int, panel: Panel) -> Mapping[str, object]:
    row, column = divmod(number, 2)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {
            "x": column * _PANEL_WIDTH,
            "y": row * _PANEL_HEIGHT,
            "w": _PANEL_WIDTH,
            "h": _PANEL_HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
            }
            for index, query in enumerate(panel.queries)
        ],
    }
