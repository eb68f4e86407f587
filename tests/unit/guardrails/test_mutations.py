"""What the stacks declare, with one thing after the other flipped, dropped or widened."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from petmesh.program.declaration import Resource
from tests.unit.declared import gke, local
from tests.unit.guardrails.judged import ABSENT, alone, changed, said

# A field that security depends on; every switch is one besides.
_MATTERS: Final = re.compile(
    r"securityContext|serviceAccountName|automount|mtls|tls|principals|from$|policyTypes|member|"
    r"role|resources\.|Probe$|maxUnavailable|sourceRanges|[cC]idr$|hosts$|[sS]elector$|exportTo|"
    r"private|masterAuth|datapath|workload(?:Identity|Metadata)|shielded|imageType|\.image$|"
    r"logConfig|outboundTrafficPolicy|minTlsVersion|profile$|autoCreate|resolution|verbs$|mode$|methods$"
)
_WIDER: Final[tuple[tuple[str, Any], ...]] = (
    (r"principals$|spec\.hosts$|servers\[\d+\]\.hosts$|verbs$", ["*"]),
    (r"egress\[\d+\]\.hosts$", ["*/*"]),
    (r"[sS]ourceRanges$", ["0.0.0.0/0"]),
    (r"\.from$", [{"source": {}}]),
    (r"methods$", ["*"]),
    (r"outboundTrafficPolicy\.mode$", "ALLOW_ANY"),
    (r"mtls\.mode$", "PERMISSIVE"),
    (r"\.image$", "app:latest"),
)
# What no rule refuses, by kind, field and change, and why it is no harm.
HARMLESS: Final[dict[str, str]] = {
    r".* .*readOnlyRootFilesystem absent": "the Pod Security Standard doesn't ask for it",
    r"Service spec\.selector absent": "it leads to no pod",
    r"Deployment spec\.selector absent": "the API server refuses it",
    r"Deployment .*securityContext\.runAs(?:User|Group) absent": "the image names one, not root",
    r"Deployment .*labelSelector absent": "it spreads pods over nodes",
    r"PodDisruptionBudget spec\.selector absent": "the workload that it was for is refused then",
    r"NetworkPolicy .*[sS]elector absent": "its peers' other selectors and the default-deny stay",
    r"Deployment .*rollingUpdate\.maxUnavailable absent": "its default keeps three of four pods",
    r"Deployment .*limits\.cpu absent": "a limit of CPU only slows the container down",
    r"ServiceAccount automountServiceAccountToken absent": "every pod says that it mounts none",
    r"Release values\..* absent": "the namespace holds a chart's pods to the restricted level",
    r"NetworkPolicy spec\.policyTypes absent": "the default-deny beside it has both directions",
    r"Sidecar spec\.outboundTrafficPolicy.* absent": "the mesh's own is in force: REGISTRY_ONLY",
    r"Sidecar spec\.(?:egress.*|workloadSelector) absent": "NetworkPolicies say who reaches whom",
    r"(?:VirtualService|Gateway|ServiceEntry) .*hosts absent": "Istio takes none without hosts",
    r"ServiceEntry spec\.exportTo absent": "NetworkPolicies say whose pods get out",
    r"DestinationRule .*splitExternalLocalOriginErrors False": "it counts failures together",
    r"\w*IA[Mm]Member (?:member|role) absent|\w*IamMember \w+ absent": "Google refuses it",
    r"Account createIgnoreAlreadyExists False": "an account that is there already is an error then",
    r"Service disableOnDestroy True": "it switches an API off, and opens nothing",
    r"RouterNat logConfig.*": "a log of translated connections; flow logs name them too",
    r"Subnetwork logConfig\..* absent": "Google's default, which logs more",
    r"Subnetwork privateIpGoogleAccess absent": "Cloud NAT is the way to Google's APIs then",
    r"Cluster (?:masterAuth|anonymousAuth|masterAuthorizedNetworks|securityPosture).* absent": (
        "GKE's default issues no certificate, and without networks the endpoint is private"
    ),
    r"Cluster .*(?:allowExternalTraffic|deletionProtection|removeDefaultNodePool) False": (
        "the DNS endpoint is closed, a config key decides, the pool is judged like any"
    ),
    r"Cluster (?:monitoring|costManagement)Config\..* (?:False|True)": "figures protect nothing",
    r"Cluster .*masterIpv4CidrBlock absent": "GKE chooses a private range",
    r"Cluster .*enablePrivateEndpoint (?:False|absent)": "with IP endpoints off there is none",
    r"Cluster .*(?:ipEndpointsConfig\.enabled|EnforcementEnabled) (?:True|False)": (
        "the IP endpoint is private without authorized networks"
    ),
    r"Cluster (?:addonsConfig|secretManagerConfig|verticalPodAutoscaling)\..* (?:True|False)": (
        "what pods find in the cluster opens nothing"
    ),
    r"NodePool nodeConfig\.(?:gcfsConfig|gvnic)\.enabled False|NodePool nodeConfig\.spot True": (
        "how fast, and for how long, nodes are there"
    ),
    r"NodePool nodeDrainConfigs.* False": "a pool that is deleted drains without regard to budgets",
    r"(?:Cluster|NodePool) nodeConfig\.(?:shielded|imageType|workloadMetadata).* absent": (
        "GKE's default; secure boot is a benchmark's second level"
    ),
    r"NodePool upgradeSettings.* absent": "GKE's default replaces one node after the other",
}


def _fields(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    if isinstance(data, Mapping):
        for key, value in cast("Mapping[str, Any]", data).items():
            # A name with dots of its own is no path.
            if "." not in key:
                inner = f"{path}.{key}" if path else key
                yield inner, value
                yield from _fields(value, inner)
    elif isinstance(data, list):
        for index, value in enumerate(cast("list[Any]", data)):
            yield from _fields(value, f"{path}[{index}]")


def _mutations(good: Resource) -> Iterator[tuple[str, Resource]]:
    kind = good.type.rpartition(":")[2]
    for path, value in _fields(good.inputs):
        changes: list[Any] = [wider for pattern, wider in _WIDER if re.search(pattern, path)]
        if isinstance(value, bool):
            changes.append(not value)
        if _MATTERS.search(path):
            changes.append(ABSENT)
        for change in changes:
            shown = "absent" if change is ABSENT else change
            yield f"{kind} {path} {shown}", changed(good, path, change)


def _declared() -> Iterator[Resource]:
    """One of each kind that the rules judge."""
    found = {
        each.type: each
        for stack in (local(dogApiEnabled="true", egressGateway="true"), gke())
        for each in stack.resources
        if each.type.startswith(("kubernetes:", "gcp:")) and not each.read_id
    }
    yield from found.values()


def test_each_mutation_is_refused_or_listed_with_its_reason() -> None:
    tried, passed = 0, set[str]()
    for good in _declared():
        before = said(alone(good))
        for name, mutated in _mutations(good):
            tried += 1
            if said(alone(mutated)) == before:
                passed.add(name)
    unlisted = {name for name in passed if not any(re.fullmatch(each, name) for each in HARMLESS)}
    assert tried > 100
    assert unlisted == set()
    # Nothing is listed for no mutation.
    assert not [each for each in HARMLESS if not any(re.fullmatch(each, name) for name in passed)]
