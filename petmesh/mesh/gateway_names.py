"""The label by which istiod names the pods of a Gateway of the Gateway API."""

from collections.abc import Iterable, Mapping
from typing import Final

from petmesh.mesh.istio.security import TargetRef

GATEWAY_LABEL: Final = "gateway.networking.k8s.io/gateway-name"


def targets_gateway(
    targets: Iterable[TargetRef], own: str, namespace: str, labels: Mapping[str, str]
) -> bool:
    """Return whether a policy's targets include the Gateway that a pod is of.

    Args:
        targets: of the policy.
        own: the policy's namespace.
        namespace: the pod's.
        labels: the pod's.
    """
    return own == namespace and any(
        each.kind == "Gateway" and labels.get(GATEWAY_LABEL) == each.name for each in targets
    )
