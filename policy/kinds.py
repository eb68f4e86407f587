"""Which kinds of resource are known; any other is refused by name until it is listed.

Of those whose security no rule here judges, none runs code, opens a path or grants a right: they
schedule, scale, watch, or ask for what another kind holds.
"""

from collections.abc import Iterator
from typing import Final

from policy.cloud_types import TYPES
from policy.rules import resource_rule
from policy.shape import UNLISTED
from policy.subject import Subject, Trouble

_JUDGED: Final = {
    "core": (
        "Namespace Pod PodTemplate ReplicationController Service ServiceAccount ConfigMap Secret "
        "PersistentVolume PersistentVolumeClaim LimitRange ResourceQuota"
    ),
    "apps": "Deployment StatefulSet DaemonSet ReplicaSet",
    "batch": "Job CronJob",
    "autoscaling": "HorizontalPodAutoscaler",
    "policy": "PodDisruptionBudget",
    "networking.k8s.io": "NetworkPolicy Ingress IngressClass",
    "rbac.authorization.k8s.io": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "StorageClass VolumeAttributesClass",
    "coordination.k8s.io": "Lease",
    "node.k8s.io": "RuntimeClass",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "admissionregistration.k8s.io": "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    "snapshot.storage.k8s.io": "VolumeSnapshot VolumeSnapshotClass",
    "autoscaling.k8s.io": "VerticalPodAutoscaler",
    "keda.sh": "ScaledObject ScaledJob TriggerAuthentication",
    "networking.istio.io": (
        "VirtualService DestinationRule Gateway ServiceEntry Sidecar EnvoyFilter"
    ),
    "security.istio.io": "AuthorizationPolicy PeerAuthentication RequestAuthentication",
    "telemetry.istio.io": "Telemetry",
    "gateway.networking.k8s.io": "Gateway HTTPRoute GRPCRoute ReferenceGrant BackendTLSPolicy",
    "networking.gke.io": (
        "GCPGatewayPolicy GCPBackendPolicy HealthCheckPolicy FrontendConfig ManagedCertificate"
    ),
    "cloud.google.com": "BackendConfig ComputeClass",
    "bitnami.com": "SealedSecret",
    "cert-manager.io": "Certificate Issuer ClusterIssuer",
    "external-secrets.io": "ExternalSecret ClusterExternalSecret SecretStore ClusterSecretStore",
    "secrets-store.csi.x-k8s.io": "SecretProviderClass",
    "monitoring.coreos.com": (
        "ServiceMonitor PodMonitor PrometheusRule Probe ScrapeConfig AlertmanagerConfig"
    ),
    "monitoring.googleapis.com": (
        "PodMonitoring ClusterPodMonitoring Rules ClusterRules GlobalRules"
    ),
    "helm.sh": "Release Chart",
}
_OTHERS: Final = (
    "docker:index/image:Image",
    # Refused by a rule that says more.
    "docker-build:index:Image",
    # Components, whose objects are resources of their own.
    *(f"kubernetes:{each}" for each in ("yaml:ConfigFile", "yaml:ConfigGroup")),
    *(f"kubernetes:{each}" for each in ("yaml/v2:ConfigFile", "yaml/v2:ConfigGroup")),
    "kubernetes:kustomize:Directory",
    "kubernetes:kustomize/v2:Directory",
)
# The engine's own, the program's components, and values that are made up once.
_PACKAGES: Final = ("pulumi", "petmesh", "random", "time")
# What a rule of the stack says of the whole holds of an object as it is declared: a patch of its
# spec makes something else of it.
_WHOLE: Final = {
    "networking.k8s.io": "NetworkPolicy",
    "security.istio.io": "AuthorizationPolicy PeerAuthentication",
    "networking.istio.io": "VirtualService DestinationRule Sidecar EnvoyFilter",
    "policy": "PodDisruptionBudget",
}


def _unknown(subject: Subject) -> Iterator[Trouble]:
    package = subject.type.partition(":")[0]
    known = subject.type in _OTHERS or package in _PACKAGES
    if subject.api:
        kinds = _JUDGED.get(subject.api, "").split()
        known = known or subject.kind in kinds or _is_list(subject)
    elif package == "gcp":
        known = TYPES.fullmatch(subject.type) is not None
    if not known:
        mend = UNLISTED.replace("knows", "judges")
        yield Trouble("type", subject.type, mend)


def _is_list(subject: Subject) -> bool:
    return subject.kind.endswith("List") and "items" in subject.properties


def _alone(subject: Subject) -> Iterator[Trouble]:
    if subject.api and _is_list(subject):
        yield Trouble("kind", subject.kind, "declare each of its objects as a resource of its own")
    whole = _WHOLE.get(subject.api, "").split()
    if subject.is_patch and subject.kind in whole and "spec" in subject.properties:
        mend = "change the object where it is declared: no rule sees what a patch makes of it"
        yield Trouble("spec", "patched", mend)


RULES = (
    resource_rule(
        "kinds-are-known",
        "Every resource is of a kind that is known to be no harm or that a rule judges.",
        "NIST SP 800-53 CM-7: least functionality",
        _unknown,
    ),
    resource_rule(
        "objects-stand-alone",
        "Each object is a resource of its own: no rule looks into a list or at a policy's patch.",
        "NIST SP 800-53 CM-7: least functionality",
        _alone,
    ),
)
