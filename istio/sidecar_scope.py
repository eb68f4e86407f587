"""Sidecars: which hosts a proxy knows."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING


def sidecar_scope(
    namespace: str, hosts: Sequence[str], opts: pulumi.ResourceOptions, service: str = ""
) -> CustomResource:
    """Return a Sidecar: a call to a host that it doesn't list gets 502 from the caller's proxy.

    It also keeps small what istiod sends to each proxy. It is no security boundary: what a pod
    reaches around its proxy, a NetworkPolicy decides.

    Args:
        namespace: The pods' namespace.
        hosts: Hosts as namespace/name; `.` is the pods' own namespace, and `*` any name.
        opts: The Sidecar's options; it is created after the namespace, and before the pods.
        service: The pods' label `app`; empty for every pod that has no Sidecar of its own.
    """
    selector = {"workloadSelector": {"labels": {"app": service}}} if service else {}
    return CustomResource(
        f"{namespace}-{service}-sidecar" if service else f"{namespace}-sidecar",
        api_version=NETWORKING,
        kind="Sidecar",
        metadata={"name": service or "default", "namespace": namespace},
        spec={
            **selector,
            "egress": [{"hosts": list(hosts)}],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        },
        opts=opts,
    )
