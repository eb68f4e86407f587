"""How a version's figures are worded in a verdict."""

from petmesh.ramp.measurements import Figures


def bad(figures: Figures, name: str) -> str:
    """What part of what a query counts is bad."""
    own = figures.counted(name)
    if not own.requests:
        return "not known"
    return f"{100 * own.failing:.2f}% ({own.errors:.0f} of {own.requests:.0f})"


def nowhere(figures: Figures) -> str:
    """How many of the failures reached no pod; nothing for none."""
    return f", {figures.lost:.0f} of them reached no pod" if figures.lost else ""


def success(figures: Figures) -> str:
    """The success rate, and what it is made of."""
    rate = figures.success_rate
    if rate is None:
        return "not known"
    failed = f"{figures.errors:.0f} of {figures.requests:.0f} failed{nowhere(figures)}"
    return f"{rate:.2f}% ({failed})"


def latencies(figures: Figures) -> str:
    """The quantiles that are known."""
    return ", ".join(
        f"{name} {value:.3g} ms"
        for name, part in (("p50", 0.5), ("p99", 0.99))
        if (value := figures.quantile(part)) is not None
    )


def summary(figures: Figures) -> str:
    """The success rate and the quantiles."""
    rate = figures.success_rate
    succeeded = "no requests" if rate is None else f"{rate:.2f}%"
    return ", ".join(filter(None, (succeeded, latencies(figures))))
