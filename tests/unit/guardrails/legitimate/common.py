"""What a careful team's objects are made of."""

from typing import Any, Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import (
    BUDGET,
    changed,
    closed,
    container,
    istio,
    resource,
    workload,
)

RBAC: Final = "rbac.authorization.k8s.io/v1"


def kubernetes(api: str, kind: str, /, **spec: Any) -> Resource:  # noqa: ANN401 (data)
    """An object named pets/tried."""
    group = api if "/" in api else f"core/{api}"
    metadata = {"name": "tried", "namespace": "pets"}
    return resource(f"kubernetes:{group}:{kind}", "tried", metadata=metadata, spec=spec)


CLUSTER: Final = resource(
    "gcp:container/cluster:Cluster",
    "cluster",
    datapathProvider="ADVANCED_DATAPATH",
    nodeConfig={"serviceAccount": "nodes@pets.iam.gserviceaccount.com"},
    privateClusterConfig={"enablePrivateEndpoint": True, "enablePrivateNodes": True},
    workloadIdentityConfig={"workloadPool": "pets.svc.id.goog"},
)

NODE_POOL: Final = resource(
    "gcp:container/nodePool:NodePool",
    "nodes",
    nodeConfig={
        "serviceAccount": "nodes@pets.iam.gserviceaccount.com",
        "imageType": "COS_CONTAINERD",
        "workloadMetadataConfig": {"mode": "GKE_METADATA"},
    },
)

MEMBER: Final = resource(
    "gcp:projects/iAMMember:IAMMember",
    "member",
    role="roles/container.developer",
    member="group:team@example.com",
)

LIMITED_ROLE: Final = "roles/resourcemanager.projectIamAdmin"

LIMIT: Final = (
    "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', [])"
    ".hasOnly(['roles/container.admin', 'roles/container.viewer'])"
)

DATABASE: Final = resource(
    "gcp:sql/databaseInstance:DatabaseInstance",
    "database",
    databaseVersion="POSTGRES_17",
    settings={
        "tier": "db-custom-2-7680",
        "ipConfiguration": {
            "ipv4Enabled": False,
            "privateNetwork": "projects/pets/global/networks/pets",
            "sslMode": "ENCRYPTED_ONLY",
        },
    },
)


def namespace(name: str, **labels: str) -> list[Resource]:
    given = {"pod-security.kubernetes.io/enforce": "restricted", **labels}
    return [
        resource("kubernetes:core/v1:Namespace", metadata={"name": name, "labels": given}),
        closed(name),
        *(
            changed(each, "metadata.namespace", name)
            for each in (
                istio("AuthorizationPolicy", "security"),
                istio("PeerAuthentication", "security", mtls={"mode": "STRICT"}),
            )
        ),
    ]


def role(**rule: Any) -> list[Resource]:  # noqa: ANN401 (data)
    return [resource(f"kubernetes:{RBAC}:ClusterRole", rules=[rule])]


def env(env: dict[str, str]) -> list[Resource]:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return [workload(containers=container(env=variables)), BUDGET]


THREE = changed(workload("StatefulSet"), "spec.replicas", 3)

QUORUM = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": 2})

MAJORITY = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": "60%"})

for budget in (QUORUM, MAJORITY):
    budget.inputs["spec"].pop("maxUnavailable")

AUTOSCALER = kubernetes(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "tried"},
    minReplicas=3,
    maxReplicas=9,
)

STATED = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}

TOKEN = [{"source": {"requestPrincipals": ["*"]}}]


def internal(annotation: str) -> Resource:
    metadata = {"name": "a", "namespace": "pets", "annotations": {annotation: "Internal"}}
    return resource("kubernetes:core/v1:Service", metadata=metadata, spec={"type": "LoadBalancer"})
