"""Alerts on the services' versions, as Prometheus' rule groups."""

from collections.abc import Mapping

from istio import metrics

WINDOW = "5m"
# Of the tries; what a ramp asks of a canary by default.
MOST_FAILURES = 0.01
# A bound of Istio's histogram, so that no quantile near it is a guess between two others.
MOST_P99_MILLISECONDS = 500
# Tries a second: below that a single failure is already a large share.
FEWEST_TRIES = 0.1
# The workload's name holds the version; who can't reach a pod doesn't know the latter alone.
_VERSION = "destination_workload_namespace, destination_workload"
_NAME = "{{ $labels.destination_workload }} in {{ $labels.destination_workload_namespace }}"
_RUNBOOK = (
    "If it is the canary, take it back: make rollback STACK=<stack>, or pulumi config set "
    "canaryWeight 0 && pulumi up. If it is the stable version too, look at what it calls: the "
    "dashboard Canary, then the access log of its sidecars, in which response_flags says why."
)


def rule_groups(namespace: str) -> list[Mapping[str, object]]:
    """The alerts of the services of a namespace, by workload, which is one version each.

    Each looks at what the namespace's proxies count: tries, retried and mirrored ones too. Their
    form is that of PrometheusRule and of Google Cloud's Rules alike.
    """
    labels = f'destination_workload_namespace="{namespace}"'
    tries = f"sum by ({_VERSION}) ({metrics.requests(labels, WINDOW, 'rate')})"
    failures = f"sum by ({_VERSION}) ({metrics.failures(labels, WINDOW, 'rate')})"
    durations = f"sum by ({_VERSION}, le) ({metrics.durations(labels, WINDOW, 'rate')})"
    busy = f"and ({tries}) > {FEWEST_TRIES}"
    return [
        {
            "name": "petmesh-versions",
            "interval": "30s",
            "rules": [
                {
                    "alert": "VersionFailing",
                    "expr": f"({failures}) / ({tries}) > {MOST_FAILURES} {busy}",
                    "for": "2m",
                    "labels": {"severity": "critical"},
                    "annotations": {
                        "summary": f"{_NAME} fails {{{{ $value | humanizePercentage }}}} of its "
                        f"tries; {MOST_FAILURES:.0%} are allowed",
                        "runbook": _RUNBOOK,
                    },
                },
                {
                    "alert": "VersionSlow",
                    "expr": f"histogram_quantile(0.99, {durations}) > {MOST_P99_MILLISECONDS} "
                    f"{busy}",
                    "for": "5m",
                    "labels": {"severity": "warning"},
                    "annotations": {
                        "summary": f"{_NAME} answers 1 of 100 tries in more than "
                        "{{ $value | printf `%.0f` }} ms; "
                        f"{MOST_P99_MILLISECONDS} ms are allowed",
                        "runbook": _RUNBOOK,
                    },
                },
            ],
        }
    ]
