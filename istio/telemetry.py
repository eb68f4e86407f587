"""The mesh's Telemetry: access logs and traces of every proxy. Metrics are Istio's defaults."""

from typing import Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import TELEMETRY
from istio.install import TRACE_PROVIDER
from istio.network import SYSTEM_NAMESPACE

AccessLogs = Literal["all", "errors", "off"]
# An error's status, or none at all: the client went away first.
ERRORS = "!has(response.code) || response.code >= 400"


def mesh_telemetry(
    access_logs: AccessLogs, sampling_percent: int | None, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return the Telemetry that holds for every proxy of the mesh.

    Args:
        access_logs: Which requests each proxy logs: all, errors (status 400 or more, or no
            response), or off.
        sampling_percent: The percent of the requests that get a trace, 0 to 100, as the ingress
            decides and no client of it (`istio/ingress_filters.py`); None for no tracing.
        opts: The Telemetry's options; it is created after istiod.
    """
    log: dict[str, object] = {"providers": [{"name": "envoy"}]}
    if access_logs == "errors":
        log["filter"] = {"expression": ERRORS}
    elif access_logs == "off":
        log["disabled"] = True
    spec: dict[str, object] = {"accessLogging": [log]}
    if sampling_percent is not None:
        provider = {"name": TRACE_PROVIDER}
        spec["tracing"] = [{"providers": [provider], "randomSamplingPercentage": sampling_percent}]
    return CustomResource(
        "telemetry",
        api_version=TELEMETRY,
        kind="Telemetry",
        metadata={"name": "mesh-default", "namespace": SYSTEM_NAMESPACE},
        spec=spec,
        opts=opts,
    )
