"""A closed namespace and a workload on a cluster that the stack creates itself."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

config = pulumi.Config("petmesh")
# Stands for a cluster: only an up tells how to reach what it makes.
cluster = kubernetes.core.v1.ServiceAccount("cluster", metadata={"namespace": "pets"})
provider = kubernetes.Provider("cluster", kubeconfig=cluster.id)
opts = pulumi.ResourceOptions(provider=provider)
labels = {
    "istio-injection": "enabled",
    "pod-security.kubernetes.io/enforce": "restricted",
}
namespace = kubernetes.core.v1.Namespace(
    "pets", metadata={"name": "pets", "labels": labels}, opts=opts
)
kubernetes.networking.v1.NetworkPolicy(
    "default-deny",
    metadata={"namespace": namespace.metadata["name"]},
    spec={"pod_selector": {}, "policy_types": config.require_object("closed")},
    opts=opts,
)
for group, kind, spec in (
    ("security.istio.io/v1", "AuthorizationPolicy", {}),
    ("security.istio.io/v1", "PeerAuthentication", {"mtls": {"mode": "STRICT"}}),
):
    kubernetes.apiextensions.CustomResource(
        kind.lower(),
        api_version=group,
        kind=kind,
        metadata={"name": "pets", "namespace": namespace.metadata["name"]},
        spec=spec,
        opts=opts,
    )
container: Any = {
    "name": "app",
    "image": f"registry.example.com/app@sha256:{'1' * 64}",
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
    "readiness_probe": {"http_get": {"path": "/", "port": 8080}},
    "liveness_probe": {"http_get": {"path": "/", "port": 8080}},
    "security_context": {
        "allow_privilege_escalation": False,
        "capabilities": {"drop": ["ALL"]},
        "run_as_non_root": True,
        "seccomp_profile": {"type": "RuntimeDefault"},
    },
}
pod: Any = {
    "service_account_name": "app",
    "automount_service_account_token": False,
    "containers": [container],
}
app = kubernetes.apps.v1.Deployment(
    "app",
    metadata={"name": "app", "namespace": namespace.metadata["name"]},
    spec={
        "selector": {"match_labels": {"app": "app"}},
        "template": {"metadata": {"labels": {"app": "app"}}, "spec": pod},
    },
    opts=opts,
)
if config.get_bool("budget"):
    kubernetes.policy.v1.PodDisruptionBudget(
        "app",
        metadata={"name": "app", "namespace": namespace.metadata["name"]},
        spec={"max_unavailable": 1, "selector": app.spec.selector},
        opts=opts,
    )
