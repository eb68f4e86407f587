"""What a proxy sees of the mesh: the hosts that its pod calls, and no other."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING


@dataclass(frozen=True)
class ViewArgs:
    """What is seen.

    Attributes:
        namespace: The namespace of the pods that see it.
        hosts: Hosts as namespace/name; `.` is the own namespace, and `*` any name.
        needs: What has to be there first: the namespace.
        service: The pods' label `app`; empty for every pod that has no view of its own.
    """

    namespace: str
    hosts: Sequence[str]
    needs: Sequence[pulumi.Resource]
    service: str = ""


class View(pulumi.ComponentResource):
    """A Sidecar: a call to a host that it doesn't name gets 502 from the caller's own proxy.

    It also keeps small what istiod has to tell each proxy. It is no wall: what a pod may reach
    around its proxy, a NetworkPolicy says.

    Attributes:
        sidecar: The Sidecar, for pods to depend on.
    """

    def __init__(
        self, name: str, args: ViewArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:View", name, None, opts)
        selector = {"workloadSelector": {"labels": {"app": args.service}}} if args.service else {}
        self.sidecar = CustomResource(
            name,
            api_version=NETWORKING,
            kind="Sidecar",
            metadata={"name": args.service or "default", "namespace": args.namespace},
            spec={
                **selector,
                "egress": [{"hosts": list(args.hosts)}],
                "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})
