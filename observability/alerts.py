"""Alerts on the services' versions, as Prometheus' rule groups."""

from collections.abc import Mapping

from petmesh.ramp import istio_queries as metrics

_WINDOW_SECONDS = 300
WINDOW = metrics.Window(f"{_WINDOW_SECONDS}s", stretch="15s")
# The share of failed tries that is allowed; a ramp's default for a canary.
MOST_FAILURES = 0.01
# The share of a service's requests that may reach no pod.
MOST_UNREACHED = 0.01
# A bound of Istio's histogram, so that no quantile near it is a guess between two others.
MOST_P99_MILLISECONDS = 500
# In a window, one in ten seconds: below that a single failure is already a large share.
FEWEST_TRIES = _WINDOW_SECONDS // 10
# The workload's name has the version; a caller that can't reach a pod has no label of it alone.
_VERSION = "destination_workload_namespace, destination_workload"
_SERVICE = "destination_service_name"
_NAME = "{{ $labels.destination_workload }} in {{ $labels.destination_workload_namespace }}"
_RUNBOOK = (
    "If it is the canary, take it back: make rollback STACK=<stack>, or pulumi config set "
    "canaryWeight 0 && pulumi up. If it is the stable version too, look at what it calls: the "
    "dashboard Canary, then the access log of its sidecars, in which response_flags says why."
)


def rule_groups(namespace: str) -> list[Mapping[str, object]]:
    """Return the alerts of a namespace's services, in the form of Prometheus' operator and Google.

    Those of a version, which is a workload, are about tries, with retried and mirrored ones. A
    request that reached no pod has no workload: those are counted by service, at the callers.
    """
    labels = f'destination_workload_namespace="{namespace}"'
    tries = f"sum by ({_VERSION}) ({metrics.requests(labels, WINDOW)})"
    failures = f"sum by ({_VERSION}) ({metrics.failures(labels, WINDOW)})"
    durations = f"sum by ({_VERSION}, le) ({metrics.durations(labels, WINDOW)})"
    busy = f"and ({tries}) > {FEWEST_TRIES}"
    requests = _by_service(namespace, metrics.CALLED)
    unreached = _by_service(namespace, metrics.NOWHERE)
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
                    "expr": f"({unreached}) / ({requests}) > {MOST_UNREACHED} "
                    f"and ({requests}) > {FEWEST_TRIES}",
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


def _by_service(namespace: str, picked: str) -> str:
    """Return the query of a window's requests by service, as its callers count them.

    A request that reached no pod has no label of a namespace but in the service's host; without a
    subset the host is the request's own, maybe the bare name with a port.
    """
    host = rf"[a-z0-9-]+([.]{namespace}([.].*)?)?(:[0-9]+)?"
    labels = f'{picked},destination_service=~"{host}"'
    return f"sum by ({_SERVICE}) ({metrics.counted('istio_requests_total', labels, WINDOW)})"
