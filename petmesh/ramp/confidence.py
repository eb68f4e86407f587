"""How far off a measured rate may be by chance."""

import math

# One-sided, 99%: a ramp looks many times.
_Z = 2.326


def failing(errors: float, requests: float) -> tuple[float, float]:
    """The lowest and the highest percent of failing requests that go with what was seen.

    Each is a one-sided 99% bound, Wilson's score interval without continuity correction.

    Args:
        errors: from 0 to `requests`.
        requests: more than 0.

    Source:
        https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm
    """
    rate = errors / requests
    weight = _Z**2 / requests
    middle = rate + weight / 2
    spread = _Z * math.sqrt(max(0.0, rate * (1 - rate)) / requests + weight / (4 * requests))
    low, high = (middle - spread) / (1 + weight), (middle + spread) / (1 + weight)
    return 100 * max(0.0, low), 100 * min(1.0, high)


def least_difference(canary: tuple[float, float], stable: tuple[float, float]) -> float:
    """By how many points more of the canary's requests fail than the stable version's, at least.

    Newcombe's hybrid score bound of the difference of two rates, one-sided 99%.

    Args:
        canary: errors and requests.
        stable: errors and requests.

    Source:
        Newcombe, Interval estimation for the difference between independent proportions,
        Statistics in Medicine 17 (1998), method 10.
    """
    own, other = (100 * errors / requests for errors, requests in (canary, stable))
    lowest, highest = failing(*canary)[0], failing(*stable)[1]
    return own - other - math.hypot(own - lowest, highest - other)
