"""Objects of telemetry.istio.io: what proxies tell of the requests."""

from typing import Annotated

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata, only


class LogProvider(Fields):
    """Who writes an access log."""

    name: Annotated[str, only("envoy", because="no other log is collected here")]


class LogFilter(Fields):
    """Which requests are logged."""

    expression: str


class AccessLogging(Fields):
    """One access log."""

    providers: tuple[LogProvider, ...] = ()
    disabled: bool = False
    filter: LogFilter | None = None


class TraceProvider(Fields):
    """Who takes traces."""

    name: str


class Tracing(Fields):
    """Which requests are traced: so many percent, as far as no caller may decide it."""

    providers: Annotated[
        tuple[TraceProvider, ...],
        LeftOut("no tracing back end is started: requests are sampled, and their spans lost"),
    ] = ()
    random_sampling_percentage: Annotated[float, Field(ge=0, le=100)] | None = None


class TelemetrySpec(Fields):
    """What proxies tell."""

    access_logging: tuple[AccessLogging, ...] = ()
    tracing: tuple[Tracing, ...] = ()


class Telemetry(Fields):
    """A telemetry."""

    metadata: Metadata
    spec: TelemetrySpec
