"""Whether a policy applies to a pod's proxy."""

from collections.abc import Mapping

from petmesh.envoy.mtls_mode import ROOT_NAMESPACE
from petmesh.envoy.names import selects
from petmesh.mesh.gateway_names import GATEWAY_LABEL
from petmesh.mesh.istio.policy_targets import PolicyTargets


def applies(policy: PolicyTargets, own: str, namespace: str, labels: Mapping[str, str]) -> bool:
    """Return whether a policy applies to a pod.

    Args:
        policy: its spec.
        own: the policy's namespace.
        namespace: the pod's.
        labels: the pod's.
    """
    if policy.targets:
        gateway = labels.get(GATEWAY_LABEL)
        named = [each.name for each in policy.targets if each.kind == "Gateway"]
        return own == namespace and gateway in named
    return own in (namespace, ROOT_NAMESPACE) and selects(policy.selected, labels)
