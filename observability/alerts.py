"""Alerts on the services' versions, as Prometheus' rule groups."""

from collections.abc import Mapping

from petmesh.ramp import istio_queries as metrics

_WINDOW_SECONDS = 300
WINDOW = metrics.Window(f"{_WINDOW_SECONDS}s", stretch="15s")
# Of the tries; what a ramp asks of a canary by default.
MOST_FAILURES = 0.01
# Of a service's requests, which reached no pod.
MOST_UNREACHED = 0.01
# A bound of Istio's histogram, so that no quantile near it is a guess between two others.
MOST_P99_MILLISECONDS = 500
# In a window, one in ten seconds: below that a single failure is already a large share.
FEWEST_TRIES = _WINDOW_SECONDS // 10
# The workload's name holds the version; who can't reach a pod doesn't know the latter alone.
_VERSION = "destination_workload_namespace, destination_workload"
_SERVICE = "destination_service_name"
_NAME = "{{ $labels.destination_workload }} in {{ $labels.destination_workload_namespace }}"
_RUNBOOK = (
    "If it is the canary, take it back: make rollback STACK=<stack>, or pulumi config set "
    "canaryWeight 0 && pulumi up. If it is the stable version too, look at what it calls: the "
    "dashboard Canary, then the access log of its sidecars, in which response_flags says why."
)


def rule_groups(namespace: str) -> list[Mapping[str, object]]:
    """The alerts of the services of a namespace, in the form of Prometheus' operator and Google's.

    Those of a version, which is a workload, look at tries, retried and mirrored ones too. What
    reached no pod names no workload: that is looked at by service, as its callers count it.
    """
    labels = f'destination_workload_namespace="{namespace}"'
    tries = f"sum by ({_VERSION}) ({metrics.requests(labels, WINDOW)})"
    failures = f"sum by ({_VERSION}) ({metrics.failures(labels, WINDOW)})"
    durations = f"sum by ({_VERSION}, le) ({metrics.durations(labels, WINDOW)})"
    busy = f"and ({tries}) > {FEWEST_TRIES}"
    asked = _asked(namespace, metrics.CALLED)
    unreached = _asked(namespace, metrics.NOWHERE)
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
                {
                    "alert": "ServiceUnreached",
                    "expr": f"({unreached}) / ({asked}) > {MOST_UNREACHED} "
                    f"and ({asked}) > {FEWEST_TRIES}",
                    "for": "2m",
                    "labels": {"severity": "critical"},
                    "annotations": {
                        "summary": "{{ $value | humanizePercentage }} of the requests for "
                        f"{{{{ $labels.{_SERVICE} }}}} in {namespace} reach no pod; "
                        f"{MOST_UNREACHED:.0%} are allowed",
                        "runbook": _RUNBOOK,
                    },
                },
            ],
        }
    ]


def _asked(namespace: str, picked: str) -> str:
    """A window's requests by service, as its callers count them.

    Where they reached no pod they know no namespace but the one in the service's host; where there
    was no such subset either, the host is the request's own, maybe the bare name with a port.
    """
    host = rf"[a-z0-9-]+([.]{namespace}([.].*)?)?(:[0-9]+)?"
    labels = f'{picked},destination_service=~"{host}"'
    return f"sum by ({_SERVICE}) ({metrics.counted('istio_requests_total', labels, WINDOW)})"
