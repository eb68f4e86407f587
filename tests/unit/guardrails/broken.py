"""One thing wrong in a resource that a stack really declares."""

from tests.unit.guardrails.broken_mesh import BROKEN_IN_MESH, Case
from tests.unit.guardrails.judged import ABSENT

ANYTHING: dict[str, str] = {}

CONTAINER = "spec.template.spec.containers[0]"
CLUSTER, NODES = "gke-cluster", "gke-nodes"
HEX = "0" * 64
BUDGET = {"selector": {"matchLabels": {"app": "petservice", "version": "v1"}}}
PETSERVICE = {"source": {"principals": ["cluster.local/ns/pets/sa/petservice"]}}

BROKEN: list[Case] = [
    *(
        ("iam-adds-members", "IAMMember", "deployers-running-account", field, value, text)
        for field, value, text in (
            ("member", "allUsers", 'member is "allUsers": name a user, group or service account'),
            ("member", "allAuthenticatedUsers", "member is"),
            ("member", "domain:example.com", "member is"),
            ("member", "principalSet://iam.googleapis.com/projects/1/pools/github/*", "member is"),
            ("role", "roles/owner", 'role is "roles/owner": grant a predefined role'),
            ("role", "roles/writer", "role is"),
            ("role", "roles/resourcemanager.projectIamAdmin", "grant it on the one account or"),
            ("role", "roles/iam.securityAdmin", "role is"),
            ("role", "roles/iam.serviceAccountTokenCreator", "role is"),
        )
    ),
    *(
        ("nodes-have-their-own-account", kind, name, "nodeConfig.serviceAccount", value, text)
        for kind, name in (("Cluster", CLUSTER), ("NodePool", NODES))
        for value, text in (
            (ABSENT, "nodeConfig.serviceAccount is not set: give the nodes a service account"),
            ("default", 'nodeConfig.serviceAccount is "default"'),
            ("1-compute@developer.gserviceaccount.com", "compute@developer"),
        )
    ),
    *(
        ("control-plane-is-not-public", "Cluster", CLUSTER, field, value, text)
        for field, value, text in (
            ("privateClusterConfig", ABSENT, "enablePrivateNodes is not set"),
            ("privateClusterConfig.enablePrivateNodes", False, "enablePrivateNodes is false"),
            (
                "masterAuthorizedNetworksConfig.cidrBlocks",
                [{"cidrBlock": "0.0.0.0/0"}],
                'masterAuthorizedNetworksConfig.cidrBlocks[0].cidrBlock is "0.0.0.0/0": name',
            ),
            (
                "masterAuthorizedNetworksConfig.cidrBlocks",
                [{"cidrBlock": f"{first}.0.0.0/8"} for first in range(224)],
                "cidrBlocks[1].cidrBlock",
            ),
            (
                "masterAuthorizedNetworksConfig.gcpPublicCidrsAccessEnabled",
                True,
                "gcpPublicCidrsAccessEnabled is true: set it to false",
            ),
        )
    ),
    (
        "control-plane-is-not-public",
        "NodePool",
        NODES,
        "networkConfig",
        {"enablePrivateNodes": False},
        "networkConfig.enablePrivateNodes is false: set it to true",
    ),
    *(
        ("images-by-digest", "Deployment", "petservice-v1", f"{CONTAINER}.image", value, text)
        for value, text in (
            ("pets:v1", f'{CONTAINER}.image is "pets:v1": name the image by digest'),
            (f"pets@sha256:{HEX[1:]}", f"{CONTAINER}.image is"),
            (ABSENT, f"{CONTAINER}.image is not set"),
        )
    ),
    *(
        ("base-images-by-digest", "Image", "petservice-v1-image", field, value, text)
        for field, value, text in (
            (
                "build.args",
                {"BASE_IMAGE": "python:3.13"},
                'apps/petservice/Dockerfile: FROM is "python:3.13": add the image\'s digest',
            ),
            ("build.dockerfile", "nowhere/Dockerfile", "name a Dockerfile of this checkout"),
        )
    ),
    *(
        ("charts-by-version", "Release", "istiod", field, value, text)
        for field, value, text in (
            ("version", ABSENT, "version is not set: name the exact version of the chart istiod"),
            ("version", "^1.31.1", 'version is "^1.31.1": name the exact version'),
            ("version", "1.31", 'version is "1.31"'),
            ("repositoryOpts.repo", "http://charts.example.com", "over https:// or oci://"),
            ("repositoryOpts.repo", ABSENT, "repositoryOpts.repo is not set: fetch charts over"),
            ("devel", True, "devel is true: remove it"),
        )
    ),
    *(
        ("pods-restricted", "Deployment", "petservice-v1", field, value, text)
        for field, value, text in (
            ("spec.template.spec.hostNetwork", True, "hostNetwork is true: remove it"),
            ("spec.template.spec.hostPID", True, "hostPID is true"),
            ("spec.template.spec.hostIPC", True, "hostIPC is true"),
            (
                "spec.template.spec.volumes",
                [{"name": "host", "hostPath": {"path": "/"}}],
                "volumes[0].hostPath is",
            ),
            (
                "spec.template.spec.securityContext.sysctls",
                [{"name": "kernel.msgmax", "value": "1"}],
                'sysctls[0].name is "kernel.msgmax"',
            ),
            (
                "spec.template.spec.securityContext.runAsUser",
                0,
                "spec.template.spec.securityContext.runAsUser is 0",
            ),
            (
                "spec.template.spec.securityContext.runAsNonRoot",
                ABSENT,
                f"{CONTAINER}.securityContext.runAsNonRoot is not set: set it to true",
            ),
            (f"{CONTAINER}.securityContext.runAsNonRoot", False, "runAsNonRoot is false"),
            (
                "spec.template.spec.securityContext.seccompProfile.type",
                "Unconfined",
                'seccompProfile.type is "Unconfined": set it to RuntimeDefault',
            ),
            (
                "spec.template.spec.securityContext.seLinuxOptions",
                {"type": "spc_t"},
                "seLinuxOptions is",
            ),
            (
                "spec.template.spec.securityContext.appArmorProfile",
                {"type": "Unconfined"},
                "appArmorProfile.type is",
            ),
            (f"{CONTAINER}.securityContext.privileged", True, "privileged is true"),
            (f"{CONTAINER}.securityContext.procMount", "Unmasked", 'procMount is "Unmasked"'),
            (
                f"{CONTAINER}.securityContext.allowPrivilegeEscalation",
                ABSENT,
                "allowPrivilegeEscalation is not set: set it to false",
            ),
            (f"{CONTAINER}.securityContext.capabilities.drop", [], 'drop is []: set it to ["ALL"]'),
            (
                f"{CONTAINER}.securityContext.capabilities.add",
                ["NET_ADMIN"],
                'capabilities.add is ["NET_ADMIN"]: add NET_BIND_SERVICE at the most',
            ),
            (f"{CONTAINER}.ports[0].hostPort", 80, "ports[0].hostPort is 80"),
            (f"{CONTAINER}.livenessProbe.httpGet.host", "169.254.169.254", "httpGet.host is"),
        )
    ),
    *(
        ("pods-have-their-own-account", "Deployment", "petservice-v1", field, value, text)
        for field, value, text in (
            ("spec.template.spec.serviceAccountName", ABSENT, "name a ServiceAccount"),
            ("spec.template.spec.serviceAccountName", "default", 'is "default"'),
            ("spec.template.spec.automountServiceAccountToken", ABSENT, "set it to false"),
        )
    ),
    *(
        ("containers-are-looked-after", "Deployment", "petservice-v1", field, ABSENT, text)
        for field, text in (
            (f"{CONTAINER}.resources.requests.cpu", "requests.cpu is not set: state what"),
            (f"{CONTAINER}.resources.requests.memory", "requests.memory is not set"),
            (f"{CONTAINER}.resources.limits", "limits.memory is not set"),
            (f"{CONTAINER}.readinessProbe", "readinessProbe is not set: add one"),
            (f"{CONTAINER}.livenessProbe", "livenessProbe is not set"),
        )
    ),
    *(
        ("no-credential-in-clear", "Deployment", "petservice-v1", field, value, text)
        for field, value, text in (
            (
                f"{CONTAINER}.env[0]",
                {"name": "DOG_API_KEY", "value": "hunter2"},
                'env[0] DOG_API_KEY is "(not shown)": hold it in a Secret and refer to it',
            ),
            (f"{CONTAINER}.env[0]", {"name": "PGPASSWORD", "value": "a"}, "env[0] PGPASSWORD is"),
            (f"{CONTAINER}.env[0]", {"name": "SECRET_KEY", "value": "a"}, "env[0] SECRET_KEY is"),
            (f"{CONTAINER}.args", ["--password=a"], 'args[0] password is "(not shown)"'),
            (f"{CONTAINER}.command", ["app", "--api-key=a"], "command[1] api-key is"),
            (
                f"{CONTAINER}.args",
                ["--password", "hunter2"],
                'args[0] password is "(not shown)": put it in env by secretKeyRef and',
            ),
            (f"{CONTAINER}.args", ["--password=1234"], "args[0] password is"),
            (f"{CONTAINER}.args", ["--password=$(PASSWORD)2"], "args[0] password is"),
            (f"{CONTAINER}.args", ["serve", "http://u:hunter2@db/x"], "args[1] URL is"),
            (
                f"{CONTAINER}.command",
                ["sh", "-c", "TOKEN='hunter2' exec app"],
                "command[2] TOKEN is",
            ),
            (
                f"{CONTAINER}.command",
                ["sh", "-c", 'exec app --password="hunter2" --port=80'],
                "command[2] password is",
            ),
            (
                f"{CONTAINER}.env[0]",
                {"name": "DATABASE_URL", "value": "postgres://u:hunter2@db/x"},
                "env[0] DATABASE_URL is",
            ),
        )
    ),
    *(
        ("workloads-have-a-budget", "PodDisruptionBudget", "petservice-v1", field, value, text)
        for field, value, text in (
            ("spec.maxUnavailable", 0, "spec.maxUnavailable is 0: set it to 1: let one pod"),
            ("spec.maxUnavailable", ABSENT, "spec.maxUnavailable is not set"),
            ("spec", {**BUDGET, "minAvailable": "99%"}, 'spec.minAvailable is "99%": remove it'),
            ("spec", {**BUDGET, "minAvailable": 5}, "spec.minAvailable is 5"),
            ("spec.selector.matchLabels.version", "v9", "add a PodDisruptionBudget whose selector"),
            ("metadata.namespace", "elsewhere", "add a PodDisruptionBudget"),
        )
    ),
    *(
        ("one-way-in", "Service", "petservice", field, value, text)
        for field, value, text in (
            ("spec.type", "LoadBalancer", 'spec.type is "LoadBalancer": make it a ClusterIP'),
            ("spec.type", "LoadBalancer", "one of networking.gke.io/load-balancer-type: Internal"),
            ("spec.type", "NodePort", 'spec.type is "NodePort"'),
            ("spec.externalIPs", ["192.0.2.1"], "spec.externalIPs is"),
        )
    ),
    *(
        (
            "namespaces-closed",
            "AuthorizationPolicy",
            "pets-allow-nothing",
            field,
            value,
            text,
        )
        for field, value, text in (
            (
                "spec.selector",
                {"matchLabels": {"app": "petservice"}},
                'Namespace pets: metadata.labels.istio-injection is "enabled": add an',
            ),
            ("spec.action", "AUDIT", "Namespace pets: "),
            ("spec.rules", [{"from": [PETSERVICE]}], "Namespace pets: "),
            ("metadata.namespace", "elsewhere", "Namespace pets: "),
        )
    ),
    *(
        ("namespaces-closed", "NetworkPolicy", "pets-default-deny", field, value, text)
        for field, value, text in (
            (
                "spec.podSelector",
                {"matchLabels": {"app": "petservice"}},
                'Namespace pets: Ingress of every pod is "open": add a NetworkPolicy with',
            ),
            ("spec.policyTypes", ["Ingress"], "Namespace pets: Egress of every pod is"),
            ("metadata.namespace", "elsewhere", "Namespace pets: "),
        )
    ),
    *(
        ("paths-are-named", "NetworkPolicy", name, field, value, text)
        for name, field, value, text in (
            (
                "pets-petservice-traffic",
                "spec.egress",
                [{"ports": [{"port": 443}]}],
                "spec.egress[0].to is not set: say for whom it is",
            ),
            ("pets-petservice-traffic", "spec.egress", [ANYTHING], "spec.egress[0].to is not set"),
            ("pets-default-deny", "spec.ingress", [ANYTHING], "spec.ingress[0].from is not set"),
            (
                "pets-default-deny",
                "spec.egress",
                [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
                'spec.egress[0].to[0].ipBlock.cidr is "0.0.0.0/0": name whose range it is',
            ),
        )
    ),
    *BROKEN_IN_MESH,
]
