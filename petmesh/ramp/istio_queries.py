"""PromQL over Istio's standard metrics: requests, failures and durations as tries.

The destination's sidecar reports every try, retried ones and mirrored ones too; what never reached
one only the caller's knows. A caller that gave up waiting for a try leaves code 0.

Source:
    https://istio.io/latest/docs/reference/config/metrics/
"""

from dataclasses import dataclass

_REQUESTS = "istio_requests_total"
ARRIVED = 'reporter="destination"'
CALLED = 'reporter="source"'
LOST = f'{CALLED},response_flags=~"(.*,)?(UF|UH)(,.*)?"'
FAILED = 'response_code=~"5..|0"'
# UH: no pod of the version is up. NC: the route names a subset that isn't there. UO: as many wait
# for the version's pods as may. What names no workload without one of these was answered by who has
# no sidecar, or met no route.
NOWHERE = f'{CALLED},destination_workload="unknown",response_flags=~"(.*,)?(UH|NC|UO)(,.*)?"'
OVERFLOWED = 'response_flags=~"(.*,)?UO(,.*)?"'


# A series without a value for so long is new when it has one: longer than a pod or Prometheus is
# away while it is restarted or moved.
_REMEMBERED = "1h"


@dataclass(frozen=True)
class Window:
    """Over how long is counted: PromQL durations.

    Attributes:
        length: how long it is, such as 5m.
        stretch: it is cut into stretches of this length, in each of which a counter that begins is
            looked for; such as 15s. A counter that begins and is reset in one stretch counts from
            the reset on. Empty, it is one stretch, which costs a chart over days the least.
    """

    length: str
    stretch: str = ""


def counted(metric: str, labels: str, window: Window) -> str:
    """What a window adds to counters, the first values of those that begin in it too.

    `increase` takes the difference of two values, so that it never sees what a counter held when it
    was scraped first: what a pod fails as it starts, or the first failures with labels of their
    own. Envoy makes a series at its first request, so a new one counts from 0. One that was not
    known for an hour is new: a Prometheus that lost its data counts once what is long past.

    Args:
        metric: A counter's name.
        labels: Label matchers that pick the series, separated by commas.
        window: Over how long.

    Returns:
        PromQL to be summed: a counter that begins in the window is there twice.
    """
    series = f"{metric}{{{labels}}}"
    stretch = window.stretch or window.length
    known = f"last_over_time({series}[{_REMEMBERED}] offset {stretch})"
    first = f"min_over_time({series}[{stretch}]) unless {known}"
    if window.stretch:
        # A subquery's steps are at whole stretches of the clock: what began since the last one is
        # looked for now.
        first = f"(max_over_time(({first})[{window.length}:{stretch}]) or ({first}))"
    apart = f'label_replace({first}, "counted", "first", "reporter", ".*")'
    return f"increase({series}[{window.length}]) or {apart}"


def requests(labels: str, window: Window) -> str:
    """The tries of a window, to be summed.

    Args:
        labels: Label matchers that pick the series, separated by commas. Where a pod can't be
            reached its caller knows its workload and namespace, but not its version: matched by
            `destination_version`, such tries are missed.
        window: Over how long.
    """
    return _either(f"{ARRIVED},{labels}", f"{LOST},{labels}", window)


def failures(labels: str, window: Window) -> str:
    """The tries of a window that failed; arguments as for `requests`."""
    return _either(f"{ARRIVED},{labels},{FAILED}", f"{LOST},{labels}", window)


def nowhere(host: str, window: Window, more: str = "") -> str:
    """The requests of a window that reached no pod and were sent to none: they name no workload.

    Where every pod of a version is gone or busy, or a route names a subset that isn't there, the
    caller's sidecar knows the service alone: by its host, or by the Host header where it found no
    cluster.

    Args:
        host: A regular expression for `destination_service`.
        window: Over how long.
        more: Further label matchers, such as OVERFLOWED.

    Source:
        populatePeerInfo in
        https://github.com/istio/proxy/blob/release-1.30/source/extensions/filters/http/istio_stats/istio_stats.cc
    """
    labels = ",".join(filter(None, (NOWHERE, more, f'destination_service=~"{host}"')))
    return counted(_REQUESTS, labels, window)


def durations(labels: str, window: Window) -> str:
    """The buckets of the durations in milliseconds of the tries that arrived.

    Arguments as for `requests`.
    """
    return counted("istio_request_duration_milliseconds_bucket", f"{ARRIVED},{labels}", window)


def calls(labels: str, window: Window) -> str:
    """The requests of a window as their callers count them, without retried and mirrored tries.

    Arguments as for `requests`.
    """
    return counted(_REQUESTS, f"{CALLED},{labels}", window)


def _either(arrived: str, lost: str, window: Window) -> str:
    """The union: the two differ in the label `reporter`, so `or` drops none."""
    return f"{counted(_REQUESTS, arrived, window)} or {counted(_REQUESTS, lost, window)}"
