"""PromQL over Istio's standard metrics: requests, failures and durations as tries.

The destination's sidecar reports every try, retried ones and mirrored ones too; what never reached
one only the caller's knows. A caller that gave up waiting for a try leaves code 0.

Source:
    https://istio.io/latest/docs/reference/config/metrics/
"""

ARRIVED = 'reporter="destination"'
LOST = 'reporter="source",response_flags=~"UF.*|UH"'
FAILED = 'response_code=~"5..|0"'


def requests(labels: str, window: str, change: str = "increase") -> str:
    """The tries of a window, one series for each combination of labels.

    Args:
        labels: Label matchers that pick the series, separated by commas.
        window: A PromQL duration such as 5m.
        change: What is taken of each counter: increase, or rate for a figure per second.
    """
    return _either(change, f"{ARRIVED},{labels}", f"{LOST},{labels}", window)


def failures(labels: str, window: str, change: str = "increase") -> str:
    """The tries of a window that failed; arguments as for `requests`."""
    return _either(change, f"{ARRIVED},{labels},{FAILED}", f"{LOST},{labels}", window)


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
