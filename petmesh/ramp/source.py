"""What a ramp needs of a source of metrics."""

from typing import Protocol

from petmesh.ramp.measurements import Figures, UnroutedRequests


class MetricsSource(Protocol):
    """Counts of a service's versions over the last so many seconds.

    Every method raises TargetError where the source doesn't answer, or with anything but finite
    numbers: a source that knows of nothing answers 0.

    Attributes:
        looks_before: how many intervals before a ramp it is asked for; each is a look of its own.
    """

    looks_before: int

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        """The requests of a version, how many of them failed, and the histogram of the latency."""
        ...

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        """The requests for a service that reached no pod of any version."""
        ...

    async def close(self) -> None:
        """Let go of what was opened."""
        ...
