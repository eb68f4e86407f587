"""PromQL over Istio's standard metrics: requests, failures and durations as tries.

The destination's sidecar reports every try, retried ones and mirrored ones too; what never reached
one only the caller's knows. A caller that gave up waiting for a try leaves code 0.

Source:
    https://istio.io/latest/docs/reference/config/metrics/
"""

ARRIVED = 'reporter="destination"'
CALLED = 'reporter="source"'
LOST = f'{CALLED},response_flags=~"(.*,)?(UF|UH)(,.*)?"'
FAILED = 'response_code=~"5..|0"'
# UH: no pod of the version is up. NC: the route names a subset that isn't there. UO: as many wait
# for the version's pods as may. What names no workload without one of these was answered by who has
# no sidecar, or met no route.
NOWHERE = f'{CALLED},destination_workload="unknown",response_flags=~"(.*,)?(UH|NC|UO)(,.*)?"'
OVERFLOWED = 'response_flags=~"(.*,)?UO(,.*)?"'


def requests(labels: str, window: str, change: str = "increase") -> str:
    """The tries of a window, one series for each combination of labels.

    Args:
        labels: Label matchers that pick the series, separated by commas. Where a pod can't be
            reached its caller knows its workload and namespace, but not its version: matched by
            `destination_version`, such tries are missed.
        window: A PromQL duration such as 5m.
        change: What is taken of each counter: increase, or rate for a figure per second.
    """
    return _either(change, f"{ARRIVED},{labels}", f"{LOST},{labels}", window)


def failures(labels: str, window: str, change: str = "increase") -> str:
    """The tries of a window that failed; arguments as for `requests`."""
    return _either(change, f"{ARRIVED},{labels},{FAILED}", f"{LOST},{labels}", window)


def nowhere(host: str, window: str, change: str = "increase", more: str = "") -> str:
    """The requests of a window that reached no pod and were sent to none: they name no workload.

    Where every pod of a version is gone or busy, or a route names a subset that isn't there, the
    caller's sidecar knows the service alone: by its host, or by the Host header where it found no
    cluster.

    Args:
        host: A regular expression for `destination_service`.
        window: A PromQL duration such as 5m.
        change: What is taken of each counter.
        more: Further label matchers, such as OVERFLOWED.

    Source:
        populatePeerInfo in
        https://github.com/istio/proxy/blob/release-1.30/source/extensions/filters/http/istio_stats/istio_stats.cc
    """
    labels = ",".join(filter(None, (NOWHERE, more, f'destination_service=~"{host}"')))
    return f"{change}(istio_requests_total{{{labels}}}[{window}])"


def durations(labels: str, window: str, change: str = "increase") -> str:
    """The buckets of the durations in milliseconds of the tries that arrived.

    Arguments as for `requests`.
    """
    name = "istio_request_duration_milliseconds_bucket"
    return f"{change}({name}{{{ARRIVED},{labels}}}[{window}])"


def _either(change: str, arrived: str, lost: str, window: str) -> str:
    """The union: the two differ in the label `reporter`, so `or` drops none."""
    name = "istio_requests_total"
    return f"{change}({name}{{{arrived}}}[{window}]) or {change}({name}{{{lost}}}[{window}])"
