"""Kubernetes objects and charts of every day's work."""

from typing import Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import resource
from tests.unit.guardrails.legitimate.common import (
    AUTOSCALER,
    CLUSTER,
    RBAC,
    internal,
    kubernetes,
    namespace,
    role,
)

LEGITIMATE: Final[dict[str, list[Resource]]] = {
    "a namespace of the mesh": namespace("shop", **{"istio-injection": "enabled"}),
    "a namespace of a revision": namespace("shop", **{"istio.io/rev": "stable"}),
    "a namespace of a revision that is declared": [
        *namespace("shop", **{"istio.io/rev": "stable"}),
        resource(
            "kubernetes:helm.sh/v3:Release",
            chart="istiod",
            version="1.2.3",
            repositoryOpts={"repo": "https://charts.example.com"},
            values={
                "revision": "1-2-3",
                "revisionTags": ["stable"],
                "meshConfig": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}},
            },
        ),
    ],
    "an ambient namespace": namespace(
        "shop", **{"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
    ),
    "cert-manager's namespace": namespace("cert-manager"),
    "an account with a Google identity": [
        resource(
            "kubernetes:core/v1:ServiceAccount",
            metadata={"name": "a", "annotations": {"iam.gke.io/gcp-service-account": "a@b"}},
        )
    ],
    "a Service": [kubernetes("v1", "Service", ports=[{"port": 80}], selector={"app": "a"})],
    "a headless Service": [kubernetes("v1", "Service", clusterIP="None")],
    "GKE's own annotation": [internal("cloud.google.com/load-balancer-type"), CLUSTER],
    "GKE's other annotation": [internal("networking.gke.io/load-balancer-type"), CLUSTER],
    "an internal Ingress": [
        resource(
            "kubernetes:networking.k8s.io/v1:Ingress",
            metadata={"annotations": {"kubernetes.io/ingress.class": "gce-internal"}},
        ),
        CLUSTER,
    ],
    "GKE's policies": [
        resource("kubernetes:cloud.google.com/v1:BackendConfig", spec={"timeoutSec": 40}),
        resource("kubernetes:networking.gke.io/v1beta1:FrontendConfig", spec={"sslPolicy": "a"}),
        resource("kubernetes:networking.gke.io/v1:ManagedCertificate", spec={"domains": ["a.com"]}),
        resource("kubernetes:networking.gke.io/v1:GCPBackendPolicy", spec={}),
    ],
    "cert-manager": [
        kubernetes(
            "cert-manager.io/v1",
            "ClusterIssuer",
            acme={"email": "a@b", "privateKeySecretRef": {"name": "a"}},
        ),
        kubernetes("cert-manager.io/v1", "Certificate", dnsNames=["a.com"]),
    ],
    "external secrets": [
        kubernetes("bitnami.com/v1alpha1", "SealedSecret", encryptedData={"password": "AgBy3i"}),
        kubernetes("external-secrets.io/v1", "SecretStore", provider={"gcpsm": {"projectID": "p"}}),
        kubernetes(
            "external-secrets.io/v1",
            "ExternalSecret",
            data=[{"secretKey": "password", "remoteRef": {"key": "db-password"}}],
        ),
    ],
    "monitoring": [
        kubernetes("monitoring.coreos.com/v1", kind, endpoints=[{"port": "metrics"}])
        for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe")
    ],
    "managed monitoring": [kubernetes("monitoring.googleapis.com/v1", "PodMonitoring")],
    "scaling": [
        AUTOSCALER,
        kubernetes("keda.sh/v1alpha1", "ScaledObject", minReplicaCount=1),
        kubernetes("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
    ],
    "quotas": [
        kubernetes("v1", "ResourceQuota", hard={"pods": "10"}),
        kubernetes("v1", "LimitRange", limits=[]),
        resource("kubernetes:scheduling.k8s.io/v1:PriorityClass", value=1000),
    ],
    "storage": [
        kubernetes("v1", "PersistentVolumeClaim", resources={"requests": {"storage": "1Gi"}}),
        resource("kubernetes:storage.k8s.io/v1:StorageClass", provisioner="pd.csi.storage.gke.io"),
        kubernetes(
            "v1",
            "PersistentVolume",
            capacity={"storage": "1Gi"},
            csi={"driver": "filestore.csi.storage.gke.io"},
        ),
    ],
    "a Secret": [
        resource("kubernetes:core/v1:Secret", type="Opaque", stringData={"password": "a"})
    ],
    "a ConfigMap": [
        resource(
            "kubernetes:core/v1:ConfigMap",
            data={
                "nginx.conf": "server {\n  listen 8080;\n  location / { root /www; }\n}\n",
                "app.yaml": "logLevel: info\npasswordFile: /run/password\ntokenTtl: 3600\n",
                "ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            },
        )
    ],
    "a definition": [resource("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")],
    "an admission policy": [
        kubernetes("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
    ],
    "reading pods": role(
        apiGroups=[""], resources=["pods", "services", "endpoints"], verbs=["get", "list", "watch"]
    ),
    "Prometheus' rights": [
        *role(apiGroups=[""], resources=["nodes", "nodes/metrics", "pods"], verbs=["get", "list"]),
        *role(nonResourceURLs=["/metrics", "/metrics/cadvisor"], verbs=["get"]),
    ],
    "one Secret": role(
        apiGroups=[""], resources=["secrets"], resourceNames=["tls"], verbs=["get", "update"]
    ),
    "electing a leader": role(
        apiGroups=["coordination.k8s.io"],
        resources=["leases"],
        verbs=["get", "create", "update", "patch"],
    ),
    "deploying": [
        resource(
            f"kubernetes:{RBAC}:Role",
            rules=[
                {
                    "apiGroups": ["", "apps"],
                    "resources": ["configmaps", "deployments", "statefulsets"],
                    "verbs": ["get", "patch"],
                }
            ],
        )
    ],
    "restarting one Deployment": role(
        apiGroups=["apps"], resources=["deployments"], resourceNames=["a"], verbs=["patch"]
    ),
    "bindings": [
        resource(
            f"kubernetes:{RBAC}:RoleBinding",
            roleRef={"kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "Group", "name": "team@example.com"}],
        ),
        resource(
            f"kubernetes:{RBAC}:ClusterRoleBinding",
            roleRef={"kind": "ClusterRole", "name": "system:auth-delegator"},
            subjects=[{"kind": "ServiceAccount", "name": "metrics", "namespace": "pets"}],
        ),
    ],
    "paths of pods": [
        kubernetes(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            podSelector={"matchLabels": {"app": "a"}},
            policyTypes=["Ingress", "Egress"],
            ingress=[{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
            egress=[
                {
                    "to": [
                        {
                            "namespaceSelector": {},
                            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                        }
                    ],
                    "ports": [{"port": 53}],
                },
                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
            ],
        )
    ],
    "charts": [
        resource(
            "kubernetes:helm.sh/v3:Release",
            chart=chart,
            version="1.2.3",
            repositoryOpts={"repo": "https://charts.example.com"},
            values={
                "replicaCount": 2,
                "auth": {"existingSecret": "db-credentials"},
                "cache": {"existingSecret": "redis"},
                "service": {"type": "ClusterIP"},
                "ingress": {"enabled": False},
                "crds": {"enabled": True},
            },
        )
        for chart in ("cert-manager", "external-secrets", "postgresql")
    ],
    "values made up once": [resource("random:index/randomPassword:RandomPassword", length=32)],
    "labels by a patch": [
        resource(
            "kubernetes:core/v1:NamespacePatch",
            metadata={"name": "kube-system", "labels": {"team": "platform"}},
        )
    ],
}
