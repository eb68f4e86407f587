"""Resources that no stack has: what a rule refuses of them, and what it lets pass."""

from collections.abc import Mapping
from typing import Any

from petmesh.program.declaration import UNKNOWN, Resource
from tests.unit.guardrails.judged import (
    BUDGET,
    POD,
    changed,
    closed,
    container,
    istio,
    resource,
    workload,
)
from tests.unit.guardrails.legitimate import LEGITIMATE
from tests.unit.guardrails.overlooked import istiod

HEX = "0" * 64
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
AMBIENT = {"istio.io/dataplane-mode": "ambient"}
STRICT = istio("PeerAuthentication", "security", mtls={"mode": "STRICT"})
PRIVATE = {"enablePrivateEndpoint": False, "enablePrivateNodes": True}
OFFICE = {"cidrBlocks": [{"cidrBlock": "203.0.113.0/24"}, {"cidrBlock": "10.0.0.0/8"}]}
OWN = {"serviceAccount": "nodes@pets.iam.gserviceaccount.com"}


def cluster(**fields: Any) -> Resource:  # noqa: ANN401 (data)
    """A cluster that nobody outside of its network reaches, with some fields given."""
    private = {"enablePrivateEndpoint": True, "enablePrivateNodes": True}
    hardened = {
        "datapathProvider": "ADVANCED_DATAPATH",
        "workloadIdentityConfig": {"workloadPool": "pets.svc.id.goog"},
    }
    given = {"privateClusterConfig": private} | hardened | fields
    return resource("gcp:container/cluster:Cluster", "made", **given)


def built(instructions: str = "", **fields: Any) -> Resource:  # noqa: ANN401 (data)
    """An image from a Dockerfile in the program, with some instructions or fields."""
    inline = f"FROM busybox@sha256:{HEX}\n{instructions}\n"
    given: dict[str, Any] = {"dockerfile": {"inline": inline}, **fields}
    return resource("docker-build:index:Image", "made", **given)


def open_namespace(labels: Mapping[str, str]) -> list[Resource]:
    """The namespace pets with some labels, its networks closed."""
    metadata = {"name": "pets", "labels": {**RESTRICTED, **labels}}
    return [resource("kubernetes:core/v1:Namespace", metadata=metadata), closed("pets")]


def mesh_namespace(labels: Mapping[str, str]) -> list[Resource]:
    """The namespace pets with some labels, its networks closed and nobody allowed in."""
    return [*open_namespace(labels), istio("AuthorizationPolicy", "security")]


def of_whole_mesh(kind: str, **spec: Any) -> Resource:  # noqa: ANN401 (data)
    """An object of Istio's security that is for every namespace."""
    return resource(
        f"kubernetes:security.istio.io/v1:{kind}",
        metadata={"name": "default", "namespace": "istio-system"},
        spec=spec,
    )


def at_ingress(**rule: Any) -> Resource:  # noqa: ANN401 (data)
    """An AuthorizationPolicy of the ingress gateway, with one rule."""
    return resource(
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        metadata={"name": "tried", "namespace": "istio-ingress"},
        spec={"rules": [rule]},
    )


GET = [{"operation": {"methods": ["GET"]}}]
ANY_TOKEN = [{"source": {"requestPrincipals": ["*"]}}]

# What no stack has, and no stack may have.
REFUSED: dict[str, tuple[str, list[Resource], str]] = {
    "a public endpoint": (
        "control-plane-is-not-public",
        [cluster(nodeConfig=OWN, privateClusterConfig=PRIVATE)],
        "enablePrivateEndpoint is false: set it to true, or name in",
    ),
    "IP endpoints of which one is public": (
        "control-plane-is-not-public",
        [
            cluster(
                nodeConfig=OWN,
                privateClusterConfig={"enablePrivateNodes": True},
                controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": True}},
            )
        ],
        "enablePrivateEndpoint is not set: set it to true, or name in",
    ),
    "an authoritative binding": (
        "iam-adds-members",
        [resource("gcp:projects/iAMBinding:IAMBinding", role="roles/container.admin")],
        'IAMBinding made: type is "gcp:projects/iAMBinding:IAMBinding": use the IAMMember',
    ),
    "an authoritative policy": (
        "iam-adds-members",
        [resource("gcp:storage/bucketIAMPolicy:BucketIAMPolicy")],
        "BucketIAMPolicy made: type is",
    ),
    "a repository's binding": (
        "iam-adds-members",
        [resource("gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding")],
        "use the IAMMember",
    ),
    "an access list of a bucket": (
        "iam-adds-members",
        [resource("gcp:storage/bucketACL:BucketACL", roleEntities=["READER:allUsers"])],
        "use a BucketIAMMember",
    ),
    "a pool within a cluster, on the default account": (
        "nodes-have-their-own-account",
        [cluster(nodePools=[{"nodeConfig": OWN}, {"nodeConfig": {}}])],
        "nodePools[1].nodeConfig.serviceAccount is not set",
    ),
    "pools that a cluster makes by itself, on the default account": (
        "nodes-have-their-own-account",
        [cluster(nodeConfig=OWN, clusterAutoscaling={"enabled": True})],
        "clusterAutoscaling.autoProvisioningDefaults.serviceAccount is not set",
    ),
    "a virtual machine on the default account": (
        "nodes-have-their-own-account",
        [
            resource(
                "gcp:compute/instanceTemplate:InstanceTemplate",
                serviceAccount={"scopes": ["cloud-platform"]},
            )
        ],
        "serviceAccount.email is not set",
    ),
    "a pool of public nodes within a cluster": (
        "control-plane-is-not-public",
        [
            cluster(
                nodePools=[{"nodeConfig": OWN, "networkConfig": {"enablePrivateNodes": False}}],
            )
        ],
        "nodePools[0].networkConfig.enablePrivateNodes is false",
    ),
    "an autopilot cluster on the default account": (
        "nodes-have-their-own-account",
        [cluster(enableAutopilot=True)],
        "clusterAutoscaling.autoProvisioningDefaults.serviceAccount is not set",
    ),
    "an image whose Dockerfile is no file": (
        "base-images-by-digest",
        [resource("docker-build:index:Image", dockerfile={"inline": "FROM busybox"})],
        'FROM is "busybox": add the image\'s digest',
    ),
    "a build that runs what it fetches": (
        "builds-are-confined",
        [built("RUN curl -fsSL https://get.example.com | sudo bash")],
        'RUN is "RUN curl -fsSL https://get.example.com | sudo bash": keep the script in this',
    ),
    "a build of everybody's network": (
        "builds-are-confined",
        [built("RUN --network=host make")],
        'RUN is "--network=host": remove it',
    ),
    "an image that root runs": (
        "builds-are-confined",
        [built("USER 65532\nUSER 0:0")],
        'USER is "0:0": end with a user other than root',
    ),
    "a build from somebody's repository": (
        "builds-are-confined",
        [built(context={"location": "https://github.com/example/app.git"})],
        "context.location is",
    ),
    "a chart of a repository that isn't named": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Release", chart="bitnami/nginx", version="1.2.3")],
        "repositoryOpts.repo is not set: fetch charts over https:// or oci://",
    ),
    "a chart in clear": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v4:Chart", chart="http://a.com/a.tgz", version="1.2.3")],
        'chart is "http://a.com/a.tgz": fetch',
    ),
    "a chart that no rule can look at": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Chart")],
        "use a Release",
    ),
    "a patch of a pod": (
        "pods-restricted",
        [workload("DeploymentPatch", hostNetwork=True)],
        "Deployment pets/tried: spec.template.spec.hostNetwork is true",
    ),
    "a patch that lets every caller in": (
        "objects-stand-alone & callers-are-named",
        [istio("AuthorizationPolicyPatch", "security", rules=[{}])],
        "AuthorizationPolicy pets/tried: spec.rules[0].from is not set",
    ),
    "a patch that lets pods reach everything": (
        "objects-stand-alone & paths-are-named",
        [resource("kubernetes:networking.k8s.io/v1:NetworkPolicyPatch", spec={"egress": [{}]})],
        "spec.egress[0].to is not set",
    ),
    "a condition that everybody meets": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[{"when": [{"key": "source.principal", "values": ["*"]}]}],
            )
        ],
        "spec.rules[0].from is not set: name the callers",
    ),
    "a condition that says who is not meant": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[{"when": [{"key": "source.namespace", "notValues": ["other"]}]}],
            )
        ],
        "spec.rules[0].from is not set",
    ),
    "any token at the ingress gateway, for everything": (
        "callers-are-named",
        [at_ingress(**{"from": ANY_TOKEN})],
        "spec.rules[0].to is not set: name the methods, hosts or paths that anybody may ask",
    ),
    "a pod as a custom resource": (
        "pods-restricted",
        [resource("kubernetes:v1:Pod", spec={**POD, "hostNetwork": True})],
        "spec.hostNetwork is true",
    ),
    "a list of pods": (
        "objects-stand-alone",
        [resource("kubernetes:core/v1:PodList", items=[])],
        'kind is "PodList": declare each of its objects',
    ),
    "an Ingress": (
        "one-way-in",
        [resource("kubernetes:networking.k8s.io/v1:Ingress", spec={})],
        "route to it from the ingress gateway, or keep it within the network by its cloud's",
    ),
    "an Ingress that its annotation makes public": (
        "one-way-in",
        [
            resource(
                "kubernetes:networking.k8s.io/v1:Ingress",
                metadata={"annotations": {"alb.ingress.kubernetes.io/scheme": "internet-facing"}},
            )
        ],
        'kind is "Ingress"',
    ),
    "a second load balancer": (
        "one-way-in",
        [
            resource(
                "kubernetes:gateway.networking.k8s.io/v1:Gateway",
                metadata={"name": "public", "namespace": "pets"},
                spec={"gatewayClassName": "gke-l7-global-external-managed"},
            )
        ],
        'Gateway pets/public: spec.gatewayClassName is "gke-l7-global-external-managed"',
    ),
    "a cron job's pod": (
        "pods-restricted",
        [workload("CronJob", "batch", hostNetwork=True)],
        "CronJob pets/tried: spec.jobTemplate.spec.template.spec.hostNetwork is true",
    ),
    "an init container": (
        "images-by-digest",
        [workload(initContainers=container(image="busybox")), BUDGET],
        'spec.template.spec.initContainers[0].image is "busybox"',
    ),
    "a credential in a ConfigMap": (
        "no-credential-in-clear",
        [resource("kubernetes:core/v1:ConfigMap", data={"db.password": "hunter2"})],
        "ConfigMap made: data.db.password is",
    ),
    "a wildcard role": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "*"]}],
            )
        ],
        'rules[0].verbs is ["get", "*"]: name what is needed',
    ),
    "cluster-admin": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
                roleRef={"kind": "ClusterRole", "name": "cluster-admin"},
            )
        ],
        'roleRef.name is "cluster-admin"',
    ),
    "rights for the default account": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
                roleRef={"kind": "Role", "name": "reader"},
                subjects=[{"kind": "ServiceAccount", "name": "default"}],
            )
        ],
        'subjects[0].name is "default"',
    ),
    "a namespace that says nothing of its pods": (
        "namespaces-restricted",
        [resource("kubernetes:core/v1:Namespace", metadata={"name": "free"}), closed("free")],
        "Namespace free: metadata.labels[pod-security.kubernetes.io/enforce] is not set: set it",
    ),
    "a namespace of baseline pods": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
            ),
            closed(),
        ],
        'enforce] is "baseline"',
    ),
    "namespaces of the mesh that take plaintext": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "stable"}),
            istio(
                "PeerAuthentication",
                "security",
                selector={"matchLabels": {"app": "tried"}},
                mtls={"mode": "STRICT"},
            ),
        ],
        'Namespace pets: metadata.labels.istio.io/rev is "stable": add a PeerAuthentication',
    ),
    "a namespace of a revision that no istiod has": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "nobody"}),
            STRICT,
            istiod(revision="stable", revisionTags=["prod"]),
        ],
        'Namespace pets: metadata.labels.istio.io/rev is "nobody": name a revision',
    ),
    "pods of a revision that no istiod has": (
        "namespaces-closed",
        [
            changed(
                workload("Job", "batch"),
                "spec.template.metadata.labels",
                {"istio.io/rev": "nobody"},
            ),
            istiod(),
        ],
        'Job pets/tried: spec.template.metadata.labels.istio.io/rev is "nobody": name a revision',
    ),
    "a namespace that is called like the cluster's own": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace", metadata={"name": "kube-evil", "labels": RESTRICTED}
            ),
            closed("kube-evil"),
        ],
        "Namespace kube-evil: metadata.labels.istio-injection is not set",
    ),
    "a revision's namespace that allows everything": (
        "namespaces-closed",
        [*open_namespace({"istio.io/rev": "stable"}), STRICT],
        'Namespace pets: metadata.labels.istio.io/rev is "stable": add an AuthorizationPolicy',
    ),
    "an ambient namespace that allows everything": (
        "namespaces-closed",
        [*open_namespace(AMBIENT), STRICT],
        'Namespace pets: metadata.labels.istio.io/dataplane-mode is "ambient": add an',
    ),
    "an ambient namespace that takes plaintext": (
        "namespaces-closed",
        mesh_namespace(AMBIENT),
        'Namespace pets: metadata.labels.istio.io/dataplane-mode is "ambient": add a Peer',
    ),
    "a namespace that is closed by a patch": (
        "namespaces-restricted & objects-stand-alone & namespaces-closed",
        [
            resource("kubernetes:core/v1:Namespace", metadata={"labels": RESTRICTED}),
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
                metadata={"namespace": "made"},
                spec={"policyTypes": ["Ingress", "Egress"]},
            ),
        ],
        "Egress of every pod is",
    ),
    "a pod without a proxy": (
        "marks-are-known",
        [
            changed(
                workload("Job", "batch"),
                "spec.template.metadata.labels",
                {"sidecar.istio.io/inject": "false"},
            )
        ],
        'labels[sidecar.istio.io/inject] is "false": remove it: without its proxy a pod takes and',
    ),
    "a kind that no rule judges": (
        "kinds-are-known",
        [resource("kubernetes:argoproj.io/v1alpha1:Rollout")],
        'type is "kubernetes:argoproj.io/v1alpha1:Rollout": no rule judges it: remove it, or list',
    ),
    "a cluster that enforces no NetworkPolicy": (
        "clusters-are-hardened",
        [cluster(nodeConfig=OWN, datapathProvider="LEGACY_DATAPATH")],
        'datapathProvider is "LEGACY_DATAPATH": set it to ADVANCED_DATAPATH',
    ),
    "a firewall that lets everybody in": (
        "cloud-is-not-public",
        [
            resource(
                "gcp:compute/firewall:Firewall",
                sourceRanges=["0.0.0.0/0"],
                allows=[{"protocol": "tcp", "ports": ["22"]}],
            )
        ],
        'sourceRanges[0] is "0.0.0.0/0": name who may reach it, never everybody',
    ),
    "a subnet that leaves no trace": (
        "cloud-is-hardened",
        [resource("gcp:compute/subnetwork:Subnetwork", ipCidrRange="10.0.0.0/20")],
        "Subnetwork made: logConfig is not set: set it: flow logs tell who reached whom",
    ),
    "a load balancer that another cloud would keep within": (
        "internal-on-its-own-cloud",
        [
            cluster(nodeConfig=OWN),
            resource(
                "kubernetes:core/v1:Service",
                metadata={
                    "annotations": {
                        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"
                    }
                },
                spec={"type": "LoadBalancer"},
            ),
        ],
        "one of networking.gke.io/load-balancer-type: Internal, cloud.google.com/load-balancer",
    ),
    "a route of every host": (
        "gateway-api-hosts-are-named",
        [resource("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", spec={"rules": []})],
        "spec.hostnames is not set: name the hosts",
    ),
    "a filter that is taken away": (
        "filters-are-known",
        [
            istio(
                "EnvoyFilter",
                "networking",
                workloadSelector={"labels": {"app": "tried"}},
                configPatches=[{"patch": {"operation": "REMOVE"}}],
            )
        ],
        'configPatches[0].patch.operation is "REMOVE": add a filter',
    ),
    "no budget": ("workloads-have-a-budget", [workload()], "Deployment pets/tried:"),
    "no budget for a set": ("workloads-have-a-budget", [workload("StatefulSet")], "StatefulSet"),
    "a subset without a rule": (
        "routes-add-up",
        [
            istio(
                "VirtualService",
                "networking",
                http=[{"route": [{"destination": {"host": "a", "subset": "v1"}}]}],
            )
        ],
        "a DestinationRule gives a (none)",
    ),
}

RULE_WITH_SUBSETS = istio(
    "DestinationRule",
    "networking",
    host="a.pets.svc.cluster.local",
    subsets=[{"name": "v1"}, {"name": "v2"}],
)
ALLOWED: dict[str, tuple[str, list[Resource]]] = {
    "a member of a predefined role": (
        "iam-adds-members",
        [
            resource(
                "gcp:projects/iAMMember:IAMMember",
                role="roles/container.developer",
                member="user:a@example.com",
            )
        ],
    ),
    "an account that isn't known yet": (
        "nodes-have-their-own-account",
        [resource("gcp:container/nodePool:NodePool", nodeConfig={"serviceAccount": UNKNOWN})],
    ),
    "authorized networks": (
        "control-plane-is-not-public",
        [
            cluster(
                nodeConfig=OWN,
                privateClusterConfig=PRIVATE,
                masterAuthorizedNetworksConfig=OFFICE,
            )
        ],
    ),
    "no address but its DNS endpoint": (
        "control-plane-is-not-public",
        [
            cluster(
                nodePools=[{"nodeConfig": OWN}],
                privateClusterConfig=PRIVATE,
                controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": False}},
            ),
            resource("gcp:container/nodePool:NodePool", nodeConfig=OWN),
        ],
    ),
    "a role of roles on one account": (
        "iam-adds-members",
        [
            resource(
                "gcp:serviceaccount/iAMMember:IAMMember",
                role="roles/iam.serviceAccountTokenCreator",
                member="serviceAccount:a@pets.iam.gserviceaccount.com",
            )
        ],
    ),
    "a virtual machine without an account": (
        "nodes-have-their-own-account",
        [resource("gcp:compute/instance:Instance")],
    ),
    "an image that isn't pushed yet": (
        "images-by-digest",
        [workload(containers=container(image=UNKNOWN)), BUDGET],
    ),
    "a base of an earlier stage, and nothing at all": (
        "base-images-by-digest",
        [
            resource(
                "docker:index/image:Image",
                build={"context": "apps", "dockerfile": "tests/unit/guardrails/Dockerfile.stages"},
            )
        ],
    ),
    "folders of charts": (
        "charts-by-version",
        [
            resource("kubernetes:helm.sh/v3:Release", chart="./charts/base"),
            resource("kubernetes:helm.sh/v3:Release", chart="tests/unit"),
        ],
    ),
    "a chart by digest": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Release", chart=f"oci://r.example.com/a@sha256:{HEX}")],
    ),
    "a pod that binds port 80": (
        "pods-restricted",
        [
            workload(
                containers=container(
                    securityContext={
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                    }
                ),
                securityContext={
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"},
                },
                volumes=[{"name": "tmp", "emptyDir": {}}],
            ),
            BUDGET,
        ],
    ),
    "a patch that adds a variable": (
        "pods-restricted",
        [
            resource(
                "kubernetes:apps/v1:DeploymentPatch",
                spec={
                    "template": {
                        "spec": {
                            "containers": [
                                {"name": "app", "env": [{"name": "LOG_LEVEL", "value": "debug"}]}
                            ]
                        }
                    }
                },
            )
        ],
    ),
    "an account of its own": ("pods-have-their-own-account", [workload(), BUDGET]),
    "a job without probes": (
        "containers-are-looked-after",
        [workload("Job", "batch", containers=container(readinessProbe=None, livenessProbe=None))],
    ),
    "a reference to a Secret": (
        "no-credential-in-clear",
        [
            workload(
                containers=container(
                    env=[
                        {"name": "DOG_API_KEY", "valueFrom": {"secretKeyRef": {"name": "dogs"}}},
                        {"name": "TOKEN_COUNT", "value": "3"},
                    ],
                    args=["--api-key=$(DOG_API_KEY)", "--token-file=/run/token"],
                )
            ),
            BUDGET,
        ],
    ),
    "names that sound like a credential's, with values that are none": (
        "no-credential-in-clear",
        [
            workload(
                containers=container(
                    env=[
                        {"name": "TLS_PRIVATE_KEY", "value": "/etc/tls/key.pem"},
                        {"name": "ALLOW_EMPTY_PASSWORD", "value": "yes"},
                        {"name": "DB_PASSWORD", "value": "$(A)$(B)"},
                        {"name": "DATABASE_URL", "value": "postgres://$(A):$(B)@db/x"},
                        {"name": "REPOSITORY", "value": "ssh://git@example.com/x"},
                    ],
                    command=["sh", "-c", 'PASSWORD=$(cat /run/password) app --token "$TOKEN"'],
                    args=[
                        "--private-key=/etc/tls/key.pem",
                        "--use-token=true",
                        "--max-token=500",
                        "--automount-token=false",
                        "--from-secret=ingress-tls",
                        "--password",
                        "$(DB_PASSWORD)",
                        "--ask-password",
                        "--verbose",
                    ],
                )
            ),
            BUDGET,
        ],
    ),
    "a budget by expressions": (
        "workloads-have-a-budget",
        [
            workload(),
            resource(
                "kubernetes:policy/v1:PodDisruptionBudget",
                metadata={"name": "all", "namespace": "pets"},
                spec={
                    "maxUnavailable": "25%",
                    "selector": {
                        "matchExpressions": [
                            {"key": "app", "operator": "In", "values": ["tried"]},
                            {"key": "app", "operator": "Exists"},
                            {"key": "app", "operator": "NotIn", "values": ["other"]},
                            {"key": "job", "operator": "DoesNotExist"},
                        ]
                    },
                },
            ),
        ],
    ),
    "a budget that isn't known yet": (
        "workloads-have-a-budget",
        [workload(), resource("kubernetes:policy/v1:PodDisruptionBudget", spec=UNKNOWN)],
    ),
    "a daemon set needs no budget": ("workloads-have-a-budget", [workload("DaemonSet")]),
    "the ingress gateway's address": (
        "one-way-in",
        [
            resource(
                "kubernetes:core/v1:Service",
                metadata={"name": "istio-ingressgateway", "namespace": "istio-ingress"},
                spec={"type": "LoadBalancer"},
            )
        ],
    ),
    "addresses within the network": (
        "one-way-in",
        [
            *(
                resource(
                    "kubernetes:core/v1:Service",
                    metadata={"annotations": {annotation: value}},
                    spec={"type": "LoadBalancer"},
                )
                for annotation, value in (
                    ("networking.gke.io/load-balancer-type", "Internal"),
                    ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
                    ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
                )
            ),
            *(
                resource(
                    "kubernetes:networking.k8s.io/v1:Ingress",
                    metadata={"annotations": {annotation: value}},
                )
                for annotation, value in (
                    ("kubernetes.io/ingress.class", "gce-internal"),
                    ("alb.ingress.kubernetes.io/scheme", "internal"),
                    ("appgw.ingress.kubernetes.io/use-private-ip", "true"),
                )
            ),
        ],
    ),
    "a definition that has no items": (
        "objects-stand-alone",
        [resource("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", spec={})],
    ),
    "named rights": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:Role",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
            )
        ],
    ),
    "a namespace that is listed, and a closed one": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                "cert-manager",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            closed("cert-manager"),
            *mesh_namespace({"istio-injection": "enabled"}),
            STRICT,
        ],
    ),
    "nobody allowed in by the whole mesh's word": (
        "namespaces-closed",
        [*open_namespace({"istio.io/rev": "stable"}), of_whole_mesh("AuthorizationPolicy"), STRICT],
    ),
    "mutual TLS by the whole mesh's word": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "stable"}),
            of_whole_mesh("PeerAuthentication", mtls={"mode": "STRICT"}),
        ],
    ),
    "a namespace that one policy closes each way": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            *(
                resource(
                    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                    direction,
                    metadata={"name": direction.lower(), "namespace": "cert-manager"},
                    spec={"podSelector": {"matchLabels": {}}, "policyTypes": [direction]},
                )
                for direction in ("Ingress", "Egress")
            ),
        ],
    ),
    "a build of this checkout": (
        "builds-are-confined",
        [
            built(
                "RUN curl -fsSLO https://example.com/a.tgz && tar xf a.tgz\nUSER root\nUSER 65532",
                context={"location": "apps/petservice"},
            )
        ],
    ),
    "the outside, for the pods that need it": (
        "paths-are-named",
        [
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                metadata={"namespace": "istio-ingress"},
                spec={
                    "podSelector": {"matchLabels": {"app": "gateway"}},
                    "ingress": [{"ports": [{"port": 443}]}],
                    "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
                },
            )
        ],
    ),
    "a namespace that is closed but for DNS": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "observability", "labels": RESTRICTED},
            ),
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                metadata={"name": "default", "namespace": "observability"},
                spec={
                    "podSelector": {},
                    "policyTypes": ["Ingress", "Egress"],
                    "egress": [
                        {
                            "to": [{"namespaceSelector": {"matchLabels": {"dns": "here"}}}],
                            "ports": [{"protocol": "UDP", "port": 53}],
                        }
                    ],
                },
            ),
        ],
    ),
    "a restricted namespace": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            closed("cert-manager"),
        ],
    ),
    "a patch that labels a namespace": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:NamespacePatch",
                metadata={"name": "kube-system", "labels": {"dns": "here"}},
            )
        ],
    ),
    "a patch that labels what is strict": (
        "mutual-tls-is-strict",
        [
            resource(
                "kubernetes:security.istio.io/v1:PeerAuthenticationPatch",
                metadata={"name": "default", "labels": {"team": "pets"}},
            )
        ],
    ),
    "strict on a port": (
        "mutual-tls-is-strict",
        [
            istio(
                "PeerAuthentication",
                "security",
                mtls={"mode": "STRICT"},
                portLevelMtls={"80": {"mode": "STRICT"}},
            )
        ],
    ),
    "TLS to hosts outside, and to one that isn't known yet": (
        "tls-is-not-weakened",
        [
            istio(
                "DestinationRule",
                "networking",
                host=host,
                trafficPolicy={"tls": {"mode": "SIMPLE"}},
            )
            for host in ("a.com", "*.a.com", UNKNOWN)
        ],
    ),
    "a wildcard within the mesh, and a Gateway's host of any namespace": (
        "hosts-are-named",
        [
            istio("VirtualService", "networking", hosts=["*.pets.svc.cluster.local"]),
            istio(
                "Gateway",
                "networking",
                selector={"istio": "ingressgateway"},
                servers=[{"hosts": ["*/pets.example.com"]}],
            ),
        ],
    ),
    "nothing, and a denial of everything": (
        "callers-are-named",
        [
            istio("AuthorizationPolicy", "security"),
            istio("AuthorizationPolicy", "security", action="DENY", rules=[{}]),
        ],
    ),
    "callers by their tokens' issuer and by their addresses": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[
                    {"from": [{"source": {"requestPrincipals": ["https://issuer.example.com/*"]}}]},
                    {"from": [{"source": {"ipBlocks": ["203.0.113.0/24"]}}]},
                ],
            )
        ],
    ),
    "callers by a condition": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[
                    {"when": [{"key": key, "values": [value]}]}
                    for key, value in (
                        ("source.principal", "cluster.local/ns/pets/sa/petservice"),
                        ("source.namespace", "pets"),
                        ("source.ip", "10.0.0.0/8"),
                        ("source.ip", UNKNOWN),
                    )
                ],
            )
        ],
    ),
    "anybody at the ingress gateway, for what is named": (
        "callers-are-named",
        [
            at_ingress(to=GET),
            at_ingress(to=GET, **{"from": ANY_TOKEN}),
            at_ingress(to=GET, **{"from": [{"source": {"notIpBlocks": ["192.0.2.0/24"]}}]}),
        ],
    ),
    "a named caller at the ingress gateway, for everything": (
        "callers-are-named",
        [at_ingress(**{"from": [{"source": {"ipBlocks": ["203.0.113.0/24"]}}]})],
    ),
    "a Sidecar that leaves the outside to the mesh": (
        "outside-is-registered",
        [istio("Sidecar", "networking", egress=[{"hosts": ["./*"]}])],
    ),
    "a host's short name, a single target, weights not known yet": (
        "routes-add-up",
        [
            RULE_WITH_SUBSETS,
            istio(
                "VirtualService",
                "networking",
                http=[
                    {"route": [{"destination": {"host": "a", "subset": "v1"}}]},
                    {"route": [{"destination": {"host": "a"}, "weight": UNKNOWN}]},
                ],
            ),
        ],
    ),
    "subsets that aren't known yet": (
        "routes-add-up",
        [
            istio("DestinationRule", "networking", host="a", subsets=UNKNOWN),
            istio(
                "VirtualService",
                "networking",
                tcp=[{"route": [{"destination": {"host": "a", "subset": "v1"}}]}],
            ),
        ],
    ),
    "kinds of every day": ("kinds-are-known", LEGITIMATE["monitoring"]),
    "a proxy's own settings": ("marks-are-known", LEGITIMATE["proxy's resources"]),
    "a hardened cluster": ("clusters-are-hardened", LEGITIMATE["a cluster"]),
    "keys that are rotated": ("cloud-is-hardened", LEGITIMATE["queues, keys and secrets"]),
    "a private database": ("cloud-is-not-public", LEGITIMATE["a database"]),
    "GKE's own annotation": ("internal-on-its-own-cloud", LEGITIMATE["GKE's own annotation"]),
    "an internal Gateway": ("gateway-api-hosts-are-named", LEGITIMATE["an internal Gateway"]),
    "a filter that limits": (
        "filters-are-known",
        [
            istio(
                "EnvoyFilter",
                "networking",
                workloadSelector={"labels": {"app": "tried"}},
                configPatches=[
                    {
                        "applyTo": "HTTP_FILTER",
                        "patch": {
                            "operation": "INSERT_BEFORE",
                            "value": {"name": "envoy.filters.http.local_ratelimit"},
                        },
                    }
                ],
            )
        ],
    ),
}
