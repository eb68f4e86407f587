"""Objects of telemetry.istio.io: proxies' access logs and traces."""

from typing import Annotated, Any, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata
from petmesh.mesh.istio.policy_targets import PolicyTargets


class LogProvider(Fields):
    """A ProviderRef of an access log."""

    name: str


class LogFilter(Fields):
    """A Filter: the condition by which a request is logged."""

    expression: str


class LogSelector(Fields):
    """A LogSelector: whether calls of a proxy are logged, calls to it, or both."""

    mode: Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"] = "CLIENT_AND_SERVER"


class AccessLogging(Fields):
    """An AccessLogging: one access log."""

    providers: tuple[LogProvider, ...] = ()
    disabled: bool = False
    filter: LogFilter | None = None
    match: LogSelector = LogSelector()

    @property
    def is_local(self) -> bool:
        """Whether it is the proxy's own file, and not another provider's."""
        return not self.providers or any(each.name == "envoy" for each in self.providers)


_SPANS = LeftOut("no tracing back end is started: spans are lost")


class TraceProvider(Fields):
    """A ProviderRef of traces."""

    name: str


class Tracing(Fields):
    """A Tracing: the percentage of requests that are sampled where the caller didn't decide."""

    providers: Annotated[
        tuple[TraceProvider, ...],
        LeftOut("no tracing back end is started: requests are sampled, and their spans lost"),
    ] = ()
    random_sampling_percentage: Annotated[float, Field(ge=0, le=100)] | None = None
    match: Annotated[Any, _SPANS] = None
    custom_tags: Annotated[Any, _SPANS] = None
    disable_span_reporting: Annotated[Any, _SPANS] = None
    enable_istio_tags: Annotated[Any, _SPANS] = None
    use_request_id_for_trace_sampling: Annotated[Any, _SPANS] = None
    disable_context_propagation: Annotated[Any, _SPANS] = None


class TelemetrySpec(PolicyTargets):
    """A TelemetrySpec: access logs and traces."""

    access_logging: tuple[AccessLogging, ...] = ()
    tracing: tuple[Tracing, ...] = ()
    metrics: Annotated[Any, LeftOut("Envoy's own statistics are read alone")] = None


class Telemetry(Fields):
    """A Telemetry."""

    metadata: Metadata
    spec: TelemetrySpec = TelemetrySpec()
