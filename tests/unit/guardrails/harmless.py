"""What no rule refuses of the mutations of what the stacks declare, each with its reason."""

from typing import Final

# By kind, field and change.
HARMLESS: Final[dict[str, str]] = {
    r".* .*readOnlyRootFilesystem absent": "the Pod Security Standard doesn't ask for it",
    r"Service spec\.selector absent": "it leads to no pod",
    r"Deployment spec\.selector absent": "the API server refuses it",
    r"Deployment .*securityContext\.runAs(?:User|Group) absent": "the image names one, not root",
    r"Deployment .*labelSelector absent": "it spreads pods over nodes",
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
    r"Cluster notificationConfig\..* True": "it tells of upgrades",
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
    # Whole objects.
    r"(?:Account|Address|Cluster|Firewall|IAMMember|Network|NodePool|Repository\w*|Router\w*|"
    r"Service apis.*|Subnetwork) .*dropped": "what isn't there opens nothing; what needs it fails",
    r"(?:Deployment|HorizontalPodAutoscaler|Service|ServiceAccount|Namespace|Release) .*dropped": (
        "what needs it fails: a pod its account, an object its namespace"
    ),
    r"AuthorizationPolicy .*dropped": "the one that allows nothing stays",
    r"NetworkPolicy .*dropped": "the default-deny stays, without which the namespace is named",
    r"PeerAuthentication default dropped": "the mesh's own is STRICT; without either it is named",
    r"Sidecar .*dropped": "the mesh's own REGISTRY_ONLY and the NetworkPolicies stay",
    r"(?:DestinationRule|VirtualService|ServiceEntry|Gateway) .*dropped": "a route less, no way in",
    r"EnvoyFilter .*dropped": "a limit or a note, which no rule asks for",
    r"Telemetry .*dropped": "a log; one that is switched off is named",
    # Parts of policies.
    r"AuthorizationPolicy spec\.rules absent": "it allows nothing then",
    r"AuthorizationPolicy spec\.rules\[0\]\.to.*": "its callers are named",
    r"AuthorizationPolicy spec\.selector absent": "its callers are named for all of the namespace",
    r"NetworkPolicy spec\.(?:in|e)gress absent": "it opens nothing then",
    r"NetworkPolicy .*cidr absent": "the API server refuses it",
    r"NetworkPolicy spec\.egress.*cidr 0\.0\.0\.0/0": "a way out of pods that it selects",
    r"Namespace .*/(?:audit|warn|enforce-version|audit-version|warn-version) absent": (
        "enforcement stays, of the newest version by default"
    ),
    r"(?:DestinationRule|VirtualService|ServiceEntry) spec\.exportTo.* absent": (
        "who may ask is for AuthorizationPolicies to say"
    ),
    r"DestinationRule .*tls absent": "the mesh's own TLS to a Service",
    r"DestinationRule .*tls\.(?:sni|subjectAltNames).* absent": "Istio checks the host's",
    r"EnvoyFilter .*strip_trailing_host_dot False": "such a host has no route then",
    r"EnvoyFilter spec\.workloadSelector\.labels\.istio absent": "another label names the gateway",
    r"Release values\.(?:global\.defaultPod|pod)DisruptionBudget.*": "a chart's budget",
    r"Release values\.(?:repair.*|.*holdApplication\w+|pilot\.cni\.enabled) False": (
        "a pod that starts without its proxy reaches nothing: the restricted level and STRICT stay"
    ),
}
