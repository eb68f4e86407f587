"""Objects of every day's work, as a careful team writes them: no rule has anything to say."""

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


def _namespace(name: str, **labels: str) -> list[Resource]:
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


def _role(**rule: Any) -> list[Resource]:  # noqa: ANN401 (data)
    return [resource(f"kubernetes:{RBAC}:ClusterRole", rules=[rule])]


def _env(env: dict[str, str]) -> list[Resource]:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return [workload(containers=container(env=variables)), BUDGET]


_THREE = changed(workload("StatefulSet"), "spec.replicas", 3)
_QUORUM = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": 2})
_MAJORITY = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": "60%"})
for _budget in (_QUORUM, _MAJORITY):
    _budget.inputs["spec"].pop("maxUnavailable")
_AUTOSCALER = kubernetes(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "tried"},
    minReplicas=3,
    maxReplicas=9,
)
_STATED = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}
_TOKEN = [{"source": {"requestPrincipals": ["*"]}}]


def _internal(annotation: str) -> Resource:
    metadata = {"name": "a", "namespace": "pets", "annotations": {annotation: "Internal"}}
    return resource("kubernetes:core/v1:Service", metadata=metadata, spec={"type": "LoadBalancer"})


LEGITIMATE: Final[dict[str, list[Resource]]] = {
    "a Deployment": [workload(), BUDGET],
    "a StatefulSet": [workload("StatefulSet"), BUDGET],
    "a DaemonSet": [workload("DaemonSet")],
    "a Job": [workload("Job", "batch")],
    "a CronJob": [workload("CronJob", "batch")],
    "a quorum": [_THREE, _QUORUM],
    "a majority": [_THREE, _MAJORITY],
    "a quorum that is scaled": [workload(), _AUTOSCALER, _QUORUM],
    "resources of a pod": [workload(resources=_STATED, containers=container(resources={})), BUDGET],
    "a native sidecar": [
        workload(initContainers=container(name="log", restartPolicy="Always")),
        BUDGET,
    ],
    "volumes": [
        workload(
            volumes=[
                {"name": "a", "configMap": {"name": "a"}},
                {"name": "b", "secret": {"secretName": "b"}},
                {"name": "c", "csi": {"driver": "secrets-store-gke.csi.k8s.io"}},
                {"name": "d", "persistentVolumeClaim": {"claimName": "d"}},
                {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            ]
        ),
        BUDGET,
    ],
    "placement": [
        workload(
            affinity={"podAntiAffinity": {}},
            tolerations=[{"key": "spot", "operator": "Exists"}],
            topologySpreadConstraints=[{"maxSkew": 1}],
            priorityClassName="important",
            terminationGracePeriodSeconds=30,
            imagePullSecrets=[{"name": "registry"}],
            securityContext={"fsGroup": 1000, "runAsUser": 65532, "runAsGroup": 65532},
        ),
        BUDGET,
    ],
    "names of Secrets": _env({"DB_SECRET": "db-credentials", "TLS_SECRET": "pets/ingress-tls"}),
    "names of Secrets in one word": _env({"IMAGE_PULL_SECRET": "regcred", "DB_SECRET": "db"}),
    "names of cookies": _env({"CSRF_COOKIE": "csrftoken", "COOKIE": "sessionid"}),
    "modes of a browser's requests": _env(
        {"CREDENTIALS": "include", "FETCH_CREDENTIALS": "same-origin"}
    ),
    "tools that are given their password": [
        workload(
            containers=container(
                command=["sh", "-c", "redis-cli -a $PASS ping && mysqladmin -p$(PASS) -P 3306 ping"]
            )
        ),
        BUDGET,
    ],
    "arguments that name Secrets": [
        workload(containers=container(args=["--tls-secret=ingress-tls", "--secret-name", "a-b"])),
        BUDGET,
    ],
    "tokens of a model": _env({"EOS_TOKEN": "</s>", "BOS_TOKEN": "<s>", "PAD_TOKEN": "[PAD]"}),
    "limits of tokens": _env({"MAX_TOKENS": "4096", "TOKEN_LIMIT": "100"}),
    "settings": _env(
        {"LOG_LEVEL": "info", "PORT": "8080", "DB_HOST": "db.pets.svc", "FEATURE_KEYS": "a,b"}
    ),
    "addresses": _env(
        {"API_URL": "https://api.example.com/v1?limit=1", "DB_URL": "postgres://db/pets"}
    ),
    "paths": _env(
        {"PASSWORD_FILE": "/run/password", "TOKEN_PATH": "/var/run/token", "PWD": "/app"}
    ),
    "proxy's resources": [
        changed(
            workload(),
            "spec.template.metadata",
            {
                "labels": {"app": "tried", "sidecar.istio.io/inject": "true"},
                "annotations": {
                    "sidecar.istio.io/proxyCPU": "100m",
                    "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
                    "prometheus.io/scrape": "true",
                },
            },
        ),
        BUDGET,
    ],
    "a namespace of the mesh": _namespace("shop", **{"istio-injection": "enabled"}),
    "a namespace of a revision": _namespace("shop", **{"istio.io/rev": "stable"}),
    "a namespace of a revision that is declared": [
        *_namespace("shop", **{"istio.io/rev": "stable"}),
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
    "an ambient namespace": _namespace(
        "shop", **{"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
    ),
    "cert-manager's namespace": _namespace("cert-manager"),
    "an account with a Google identity": [
        resource(
            "kubernetes:core/v1:ServiceAccount",
            metadata={"name": "a", "annotations": {"iam.gke.io/gcp-service-account": "a@b"}},
        )
    ],
    "a Service": [kubernetes("v1", "Service", ports=[{"port": 80}], selector={"app": "a"})],
    "a headless Service": [kubernetes("v1", "Service", clusterIP="None")],
    "GKE's own annotation": [_internal("cloud.google.com/load-balancer-type"), CLUSTER],
    "GKE's other annotation": [_internal("networking.gke.io/load-balancer-type"), CLUSTER],
    "an internal Ingress": [
        resource(
            "kubernetes:networking.k8s.io/v1:Ingress",
            metadata={"annotations": {"kubernetes.io/ingress.class": "gce-internal"}},
        ),
        CLUSTER,
    ],
    "an internal Gateway": [
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            gatewayClassName="gke-l7-rilb",
            listeners=[{"name": "a", "hostname": "a.example.com", "port": 443}],
        ),
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            hostnames=["a.example.com"],
            parentRefs=[{"name": "tried"}],
        ),
    ],
    "a waypoint": [
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            gatewayClassName="istio-waypoint",
            listeners=[{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        ),
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            parentRefs=[{"group": "", "kind": "Service", "name": "a"}],
        ),
    ],
    "a grant of one Secret": [
        kubernetes(
            "gateway.networking.k8s.io/v1beta1",
            "ReferenceGrant",
            **{
                "from": [{"kind": "Gateway", "namespace": "b"}],
                "to": [{"kind": "Secret", "name": "a"}],
            },
        )
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
        _AUTOSCALER,
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
    "reading pods": _role(
        apiGroups=[""], resources=["pods", "services", "endpoints"], verbs=["get", "list", "watch"]
    ),
    "Prometheus' rights": [
        *_role(apiGroups=[""], resources=["nodes", "nodes/metrics", "pods"], verbs=["get", "list"]),
        *_role(nonResourceURLs=["/metrics", "/metrics/cadvisor"], verbs=["get"]),
    ],
    "one Secret": _role(
        apiGroups=[""], resources=["secrets"], resourceNames=["tls"], verbs=["get", "update"]
    ),
    "electing a leader": _role(
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
    "restarting one Deployment": _role(
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
    "subsets by a wildcard's rule": [
        istio(
            "DestinationRule",
            "networking",
            host="*.pets.svc.cluster.local",
            subsets=[{"name": "v1"}, {"name": "v2"}],
        ),
        istio(
            "VirtualService",
            "networking",
            hosts=["a"],
            http=[{"route": [{"destination": {"host": "a", "subset": "v1"}, "weight": 100}]}],
        ),
    ],
    "any valid token": [
        istio(
            "RequestAuthentication",
            "security",
            jwtRules=[{"issuer": "https://a.com", "jwksUri": "https://a.com/keys"}],
        ),
        istio("AuthorizationPolicy", "security", rules=[{"from": _TOKEN}]),
    ],
    "a claim of a token": [
        istio(
            "AuthorizationPolicy",
            "security",
            rules=[{"when": [{"key": "request.auth.claims[group]", "values": ["admins"]}]}],
        )
    ],
    "callers": [
        istio(
            "AuthorizationPolicy",
            "security",
            rules=[
                {"from": [{"source": {"principals": ["cluster.local/ns/pets/sa/petservice"]}}]},
                {"from": [{"source": {"namespaces": ["observability"]}}]},
            ],
        )
    ],
    "a denial": [
        istio(
            "AuthorizationPolicy",
            "security",
            action="DENY",
            rules=[{"from": [{"source": {"notNamespaces": ["pets"]}}]}],
        )
    ],
    "the public at the ingress": [
        changed(
            istio("AuthorizationPolicy", "security", rules=[{"to": [{"operation": operation}]}]),
            "metadata.namespace",
            "istio-ingress",
        )
        for operation in ({"methods": ["GET", "POST"]}, {"paths": ["/api/*"]}, {"hosts": ["a.com"]})
    ],
    "a host outside": [
        istio(
            "ServiceEntry",
            "networking",
            hosts=["api.example.com"],
            location="MESH_EXTERNAL",
            ports=[{"number": 443, "name": "tls", "protocol": "TLS"}],
            resolution="DNS",
        ),
        istio(
            "DestinationRule",
            "networking",
            host="api.example.com",
            trafficPolicy={"tls": {"mode": "SIMPLE", "sni": "api.example.com"}},
        ),
    ],
    "a database by its address": [
        istio(
            "ServiceEntry",
            "networking",
            hosts=["db.internal"],
            addresses=["10.1.2.3/32"],
            endpoints=[{"address": "10.1.2.3"}],
            resolution="STATIC",
        )
    ],
    "a secure Gateway": [
        istio(
            "Gateway",
            "networking",
            selector={"istio": "ingressgateway"},
            servers=[
                {
                    "hosts": ["a.example.com"],
                    "port": {"number": 443, "protocol": "HTTPS"},
                    "tls": {"mode": "SIMPLE", "credentialName": "a-tls"},
                },
                {"hosts": ["a.example.com"], "tls": {"httpsRedirect": True}},
            ],
        )
    ],
    "a policy of traffic": [
        istio(
            "DestinationRule",
            "networking",
            host="a",
            trafficPolicy={
                "loadBalancer": {"simple": "LEAST_REQUEST"},
                "outlierDetection": {"consecutive5xxErrors": 5},
                "connectionPool": {"tcp": {"maxConnections": 100}},
            },
        )
    ],
    "retries, origins and faults": [
        istio(
            "VirtualService",
            "networking",
            hosts=["a"],
            http=[
                {
                    "timeout": "2s",
                    "retries": {"attempts": 2},
                    "corsPolicy": {"allowOrigins": [{"exact": "https://a.com"}]},
                    "headers": {"request": {"set": {"x-version": "v1"}}},
                    "route": [{"destination": {"host": "a"}}],
                }
            ],
        )
    ],
    "a scope": [istio("Sidecar", "networking", egress=[{"hosts": ["./*", "istio-system/*"]}])],
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
    "a cluster": [CLUSTER, NODE_POOL],
    "an Autopilot cluster": [
        resource(
            "gcp:container/cluster:Cluster",
            enableAutopilot=True,
            clusterAutoscaling={
                "autoProvisioningDefaults": {"serviceAccount": "n@pets.iam.gserviceaccount.com"}
            },
            privateClusterConfig={"enablePrivateEndpoint": True, "enablePrivateNodes": True},
            releaseChannel={"channel": "REGULAR"},
        )
    ],
    "a database": [
        DATABASE,
        resource("gcp:sql/database:Database", instance="a"),
        resource("gcp:sql/user:User", name="a"),
    ],
    "a bucket": [
        resource(
            "gcp:storage/bucket:Bucket",
            location="EU",
            uniformBucketLevelAccess=True,
            publicAccessPrevention="enforced",
            versioning={"enabled": True},
        )
    ],
    "a VPC": [
        resource("gcp:compute/network:Network", autoCreateSubnetworks=False),
        resource(
            "gcp:compute/subnetwork:Subnetwork",
            ipCidrRange="10.0.0.0/20",
            privateIpGoogleAccess=True,
            logConfig={"flowSampling": 0.5},
        ),
        resource("gcp:compute/router:Router"),
        resource("gcp:compute/routerNat:RouterNat", natIpAllocateOption="AUTO_ONLY"),
        resource(
            "gcp:compute/route:Route",
            destRange="0.0.0.0/0",
            nextHopGateway="default-internet-gateway",
        ),
        resource(
            "gcp:servicenetworking/connection:Connection",
            service="servicenetworking.googleapis.com",
        ),
    ],
    "firewalls": [
        resource(
            "gcp:compute/firewall:Firewall",
            allows=[{"protocol": "tcp", "ports": ["443"]}],
            sourceRanges=["35.191.0.0/16", "130.211.0.0/22", "10.0.0.0/8"],
        ),
        resource(
            "gcp:compute/firewall:Firewall",
            denies=[{"protocol": "all"}],
            sourceRanges=["0.0.0.0/0"],
        ),
        resource(
            "gcp:compute/firewall:Firewall",
            direction="EGRESS",
            denies=[{"protocol": "all"}],
            destinationRanges=["0.0.0.0/0"],
        ),
    ],
    "a virtual machine": [
        resource(
            "gcp:compute/instance:Instance",
            machineType="e2-small",
            networkInterfaces=[{"subnetwork": "a"}],
            shieldedInstanceConfig={"enableSecureBoot": True},
            serviceAccount={
                "email": "vm@pets.iam.gserviceaccount.com",
                "scopes": ["cloud-platform"],
            },
            metadata={"enable-oslogin": "TRUE"},
        )
    ],
    "zones": [
        resource("gcp:dns/managedZone:ManagedZone", dnsName="a.com.", dnssecConfig={"state": "on"}),
        resource("gcp:dns/recordSet:RecordSet", type="A", rrdatas=["192.0.2.1"]),
    ],
    "grants": [
        MEMBER,
        resource(
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            role="roles/storage.objectViewer",
            member="serviceAccount:a@pets.iam.gserviceaccount.com",
        ),
        resource(
            "gcp:serviceaccount/iAMMember:IAMMember",
            role="roles/iam.workloadIdentityUser",
            member="serviceAccount:pets.svc.id.goog[pets/petservice]",
        ),
        resource(
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            role="roles/secretmanager.secretAccessor",
            member="serviceAccount:a@pets.iam.gserviceaccount.com",
        ),
        resource(
            "gcp:projects/iAMCustomRole:IAMCustomRole",
            permissions=["compute.instances.get", "compute.instances.list"],
        ),
    ],
    "a grant of the right to grant two roles": [
        changed(changed(MEMBER, "role", LIMITED_ROLE), "condition", {"expression": LIMIT})
    ],
    "federation": [
        resource("gcp:iam/workloadIdentityPool:WorkloadIdentityPool"),
        resource(
            "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
            attributeCondition='assertion.repository == "example/pets"',
        ),
        resource(
            "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
            attributeCondition="assertion.repository_owner_id in ['1', '2'] "
            "&& assertion.ref == 'refs/heads/main'",
        ),
    ],
    "queues, keys and secrets": [
        resource("gcp:pubsub/topic:Topic"),
        resource("gcp:pubsub/subscription:Subscription", topic="a"),
        resource("gcp:kms/keyRing:KeyRing"),
        resource("gcp:kms/cryptoKey:CryptoKey", rotationPeriod="7776000s"),
        resource("gcp:gkebackup/backupPlan:BackupPlan", cluster="a"),
        resource("gcp:gkebackup/restorePlan:RestorePlan", cluster="a", backupPlan="a"),
        resource(
            "gcp:binaryauthorization/policy:Policy",
            admissionWhitelistPatterns=[{"namePattern": "ghcr.io/team/*"}],
            defaultAdmissionRule={
                "evaluationMode": "REQUIRE_ATTESTATION",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "requireAttestationsBies": ["projects/pets/attestors/ci"],
            },
        ),
        resource("gcp:secretmanager/secret:Secret", replication={"auto": {}}),
        resource("gcp:redis/instance:Instance", authEnabled=True),
        resource(
            "gcp:bigquery/dataset:Dataset", accesses=[{"role": "OWNER", "userByEmail": "a@b"}]
        ),
    ],
    "alerts and logs": [
        resource("gcp:monitoring/alertPolicy:AlertPolicy"),
        resource("gcp:logging/projectSink:ProjectSink", destination="storage.googleapis.com/a"),
    ],
    "an internal load balancer": [
        resource(
            "gcp:compute/forwardingRule:ForwardingRule", loadBalancingScheme="INTERNAL_MANAGED"
        ),
        resource("gcp:compute/sSLPolicy:SSLPolicy", minTlsVersion="TLS_1_2", profile="RESTRICTED"),
    ],
    "values made up once": [resource("random:index/randomPassword:RandomPassword", length=32)],
    "labels by a patch": [
        resource(
            "kubernetes:core/v1:NamespacePatch",
            metadata={"name": "kube-system", "labels": {"team": "platform"}},
        )
    ],
}
