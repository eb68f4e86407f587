"""What an adopted cluster is asked: the settings that a cluster of this program has.

Each is named as the cluster's resource has it, and as docs/gke_settings.yaml lists it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

UNKNOWN = object()
_NODE = "nodePools.nodeConfig"


@dataclass(frozen=True)
class Check:
    """A setting, and what it may hold.

    Attributes:
        path: Where it is, such as `privateClusterConfig.enablePrivateNodes`.
        allowed: What it may hold; empty for anything but nothing.
        why: What is missing without it.
    """

    path: str
    allowed: Sequence[object]
    why: str


CHECKS = (
    Check("privateClusterConfig.enablePrivateNodes", [True], "nodes have public addresses"),
    Check("workloadIdentityConfig.workloadPool", [], "pods have their node's identity"),
    Check("datapathProvider", ["ADVANCED_DATAPATH"], "NetworkPolicies may not be enforced"),
    Check("networkingMode", ["VPC_NATIVE"], "pods are no part of the VPC"),
    Check("enableShieldedNodes", [True], "a node's boot isn't verified"),
    Check("enableLegacyAbac", [False], "rights are given beside RBAC"),
    Check(
        "masterAuth.clientCertificateConfig.issueClientCertificate",
        [False],
        "a certificate that never ends lets its holder in",
    ),
    Check("anonymousAuthenticationConfig.mode", ["LIMITED"], "anybody may ask the API server"),
    Check(
        "rbacBindingConfig.enableInsecureBindingSystemAuthenticated",
        [False],
        "rights may be bound to every account of Google's",
    ),
    Check(
        "rbacBindingConfig.enableInsecureBindingSystemUnauthenticated",
        [False],
        "rights may be bound to anybody",
    ),
    Check("enableIntranodeVisibility", [True], "flow logs miss pods on one node"),
    Check("securityPostureConfig.mode", ["BASIC", "ENTERPRISE"], "no workload is looked at"),
    Check("releaseChannel.channel", ["REGULAR", "STABLE"], "nobody upgrades it in time"),
    Check(f"{_NODE}.shieldedInstanceConfig.enableSecureBoot", [True], "unsigned modules are run"),
    Check(
        f"{_NODE}.workloadMetadataConfig.mode",
        ["GKE_METADATA"],
        "pods read their node's credentials",
    ),
    Check(
        f"{_NODE}.kubeletConfig.insecureKubeletReadonlyPortEnabled",
        ["FALSE"],
        "kubelet tells anybody of a node's pods",
    ),
)


def unmet(cluster: Mapping[str, Any]) -> Iterator[str]:
    """One line for each check that a cluster doesn't meet; what isn't known is unmet.

    Args:
        cluster: The cluster as the provider's function getCluster returns it.
    """
    for check in CHECKS:
        found = [*values(cluster, check.path)] or [UNKNOWN]
        for value in dict.fromkeys(found):
            if value in check.allowed or (not check.allowed and value and value is not UNKNOWN):
                continue
            must = " or ".join(map(str, check.allowed)) or "set"
            held = "not known" if value is UNKNOWN else f"{value}"
            yield f"{check.path} is {held}, must be {must}: {check.why}"


def values(held: object, path: str) -> Iterator[Any]:
    """What lies at a path: nothing known at all, or `UNKNOWN` where some of it isn't.

    The function returns a list for every block, and names it by its plural.
    """
    if isinstance(held, list):
        for each in cast("list[object]", held):
            yield from values(each, path)
        return
    if not path:
        yield UNKNOWN if held in (None, "") else held
        return
    key, _, rest = path.partition(".")
    if not isinstance(held, Mapping):
        yield UNKNOWN
        return
    known = cast("Mapping[str, object]", held)
    inner = known.get(key, known.get(f"{key}s"))
    if inner is None or inner == []:
        yield UNKNOWN
        return
    yield from values(inner, rest)
