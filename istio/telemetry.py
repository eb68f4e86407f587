"""What every proxy of the mesh tells: access logs and traces. Its metrics are Istio's defaults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import TELEMETRY
from istio.install import SYSTEM_NAMESPACE, TRACE_PROVIDER

AccessLogs = Literal["all", "errors", "off"]
# An answer that is an error, or no answer at all: the client went away first.
ERRORS = "!has(response.code) || response.code >= 400"


@dataclass(frozen=True)
class MeshTelemetryArgs:
    """What is told.

    Attributes:
        access_logs: Which requests each proxy logs: all, errors (an answer of 400 or more, or
            none), or off.
        tracing: Whether requests are traced to the mesh's collector.
        sampling_percent: The percent of the requests that get a trace, 0 to 100, as the ingress
            decides: no client of it does (`istio/edge.py`).
        needs: What has to be there first: istiod.
    """

    access_logs: AccessLogs
    tracing: bool
    sampling_percent: int
    needs: Sequence[pulumi.Resource]


class MeshTelemetry(pulumi.ComponentResource):
    """The mesh's Telemetry, which holds for every proxy."""

    def __init__(
        self, name: str, args: MeshTelemetryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:MeshTelemetry", name, None, opts)
        log: dict[str, object] = {"providers": [{"name": "envoy"}]}
        if args.access_logs == "errors":
            log["filter"] = {"expression": ERRORS}
        elif args.access_logs == "off":
            log["disabled"] = True
        traces = {
            "providers": [{"name": TRACE_PROVIDER}],
            "randomSamplingPercentage": args.sampling_percent,
        }
        CustomResource(
            name,
            api_version=TELEMETRY,
            kind="Telemetry",
            metadata={"name": "mesh-default", "namespace": SYSTEM_NAMESPACE},
            spec={"accessLogging": [log], **({"tracing": [traces]} if args.tracing else {})},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})
