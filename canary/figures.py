"""How the two versions of a release do."""

from pydantic import BaseModel, ConfigDict, Field


class Figures(BaseModel):
    """One version's figures over a window.

    Attributes:
        requests: tries that reached the version or were meant to; a source that estimates gives
            fractions.
        errors: of these, how many failed; never more than `requests`.
        p50: median latency in milliseconds; None where nothing was answered.
        p99: the latency in milliseconds that 99% stayed within; None where nothing was answered.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    requests: float = Field(default=0.0, ge=0)
    errors: float = Field(default=0.0, ge=0)
    p50: float | None = None
    p99: float | None = None

    @property
    def success_rate(self) -> float | None:
        """Percent of the requests that succeeded; None without requests."""
        return 100 * (1 - self.errors / self.requests) if self.requests else None


class Observation(BaseModel):
    """Both versions over the same window, which ends now and is `seconds` long."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    stable: Figures
    canary: Figures

    @property
    def share(self) -> float | None:
        """The percent of the requests that the canary got; None without requests."""
        total = self.stable.requests + self.canary.requests
        return 100 * self.canary.requests / total if total else None
