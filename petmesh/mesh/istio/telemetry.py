"""Objects of telemetry.istio.io: proxies' access logs and traces."""

from typing import Annotated

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata, only


class LogProvider(Fields):
    """A ProviderRef of an access log."""

    name: Annotated[str, only("envoy", because="no other log is collected here")]


class LogFilter(Fields):
    """A Filter: the condition by which a request is logged."""

    expression: str


class AccessLogging(Fields):
    """An AccessLogging: one access log."""

    providers: tuple[LogProvider, ...] = ()
    disabled: bool = False
    filter: LogFilter | None = None


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


class TelemetrySpec(Fields):
    """A TelemetrySpec: access logs and traces."""

    access_logging: tuple[AccessLogging, ...] = ()
    tracing: tuple[Tracing, ...] = ()


class Telemetry(Fields):
    """A Telemetry."""

    metadata: Metadata
    spec: TelemetrySpec
