"""Insecure variants of kinds that rules once passed over, each alone in a stack."""

from typing import Any, Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import changed, container, istio, resource, workload
from tests.unit.guardrails.legitimate.common import DATABASE

FILTER = "envoy.filters.network.http_connection_manager"
VERSION: Final[dict[str, Any]] = {"version": "1.2.3", "repositoryOpts": {"repo": "https://a.com"}}


def gcp(token: str, **fields: Any) -> Resource:  # noqa: ANN401 (data)
    module, kind = token.split("/")
    return resource(f"gcp:{module}/{kind}:{kind}", **fields)


def job(**fields: Any) -> Resource:  # noqa: ANN401 (data)
    return workload("Job", "batch", containers=container(**fields))


def clusterwide(resources: str, verb: str) -> Resource:
    rule = {"apiGroups": ["a"], "resources": [resources], "verbs": [verb]}
    return resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", rules=[rule])


def patched(apply_to: str, **value: Any) -> Resource:  # noqa: ANN401 (data)
    patch = {"applyTo": apply_to, "patch": {"operation": "MERGE", "value": value}}
    labels = {"labels": {"app": "tried"}}
    return istio("EnvoyFilter", "networking", workloadSelector=labels, configPatches=[patch])


def database(**settings: Any) -> Resource:  # noqa: ANN401 (data)
    given = {**DATABASE.inputs["settings"], **settings}
    return resource(DATABASE.type, settings=given)


def istiod(**values: Any) -> Resource:  # noqa: ANN401 (data)
    mesh = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    given = {"meshConfig": mesh, **values}
    return resource("kubernetes:helm.sh/v3:Release", chart="istiod", values=given, **VERSION)


def chart(**values: Any) -> Resource:  # noqa: ANN401 (data)
    return resource("kubernetes:helm.sh/v3:Release", chart="a", values=values, **VERSION)


def paths(direction: str, peer: dict[str, Any], selector: dict[str, Any]) -> Resource:
    rule = {{"ingress": "from", "egress": "to"}[direction]: [peer], "ports": [{"port": 80}]}
    return resource(
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        spec={"podSelector": selector, "policyTypes": [direction.title()], direction: [rule]},
    )


def at_ingress(**operation: Any) -> Resource:  # noqa: ANN401 (data)
    rules = [{"to": [{"operation": operation}]}]
    policy = istio("AuthorizationPolicy", "security", rules=rules)
    return changed(policy, "metadata.namespace", "istio-ingress")


def ways_in(**spec: Any) -> Resource:  # noqa: ANN401 (data)
    return resource(
        "kubernetes:gateway.networking.k8s.io/v1:Gateway",
        metadata={"name": "public", "namespace": "istio-ingress"},
        spec={"gatewayClassName": "gke-l7-global-external-managed", **spec},
    )


DENY: Final = {
    "evaluationMode": "ALWAYS_DENY",
    "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
}
DENIED: Final = {"defaultAdmissionRule": DENY}
OVERLOOKED: Final[dict[str, Resource]] = {
    "a subnet without flow logs": gcp("compute/Subnetwork", ipCidrRange="10.0.0.0/20"),
    "a subnet that samples no flow": gcp("compute/Subnetwork", logConfig={"flowSampling": 0.0}),
    "a subnet whose flows are left out": gcp(
        "compute/Subnetwork", logConfig={"flowSampling": 0.5, "filterExpr": "false"}
    ),
    "a key that nobody rotates": gcp("kms/CryptoKey", keyRing="a"),
    "a key that is rotated once a year": gcp("kms/CryptoKey", rotationPeriod="31536000s"),
    **{
        f"images {named}": gcp("binaryauthorization/Policy", **DENIED | given)
        for named, given in {
            "of everybody": {"admissionWhitelistPatterns": [{"namePattern": "*"}]},
            "of a whole registry": {"admissionWhitelistPatterns": [{"namePattern": "docker.io/*"}]},
            "that nobody checks": {
                "defaultAdmissionRule": {**DENY, "evaluationMode": "ALWAYS_ALLOW"}
            },
            "that are only written down": {
                "defaultAdmissionRule": {**DENY, "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY"}
            },
            "of one cluster that nobody checks": {
                "clusterAdmissionRules": [{**DENY, "evaluationMode": "ALWAYS_ALLOW"}]
            },
        }.items()
    },
    "a zone that isn't signed": gcp("dns/ManagedZone", dnsName="a.com."),
    "a zone signed by SHA-1": gcp(
        "dns/ManagedZone",
        dnssecConfig={"state": "on", "defaultKeySpecs": [{"algorithm": "rsasha1"}]},
    ),
    "lookups that leave no trace": gcp("dns/Policy", networks=[{"networkUrl": "a"}]),
    "a database without backups": database(backupConfiguration={"enabled": False}),
    "a database in clear": database(ipConfiguration={"ipv4Enabled": False}),
    "a database's flag": database(databaseFlags=[{"name": "local_infile", "value": "on"}]),
    "a database's wide range": database(
        ipConfiguration={"ipv4Enabled": False, "authorizedNetworks": [{"value": "0.0.0.0/1"}]}
    ),
    "a cache that knows nobody": gcp("redis/Cluster", shardCount=3),
    "a load balancer by default": gcp("compute/ForwardingRule", target="a"),
    "a project's default network": gcp("organizations/Project", projectId="a"),
    "a firewall policy": gcp(
        "compute/NetworkFirewallPolicyRule", action="allow", match={"srcIpRanges": ["0.0.0.0/1"]}
    ),
    "a disk's key": gcp("compute/Disk", diskEncryptionKey={"rawKey": "c2VjcmV0"}),
    "a website": gcp("storage/Bucket", uniformBucketLevelAccess=True, website={"a": "b"}),
    "a push in clear": gcp("pubsub/Subscription", pushConfig={"pushEndpoint": "http://a.com"}),
    "an organization's policy that is reset": gcp("orgpolicy/Policy", spec={"reset": True}),
    "a token that is its own equal": gcp(
        "iam/WorkloadIdentityPoolProvider", attributeCondition="assertion.sub == assertion.sub"
    ),
    "all secrets of a project": gcp(
        "projects/IAMMember", role="roles/secretmanager.admin", member="user:a@example.com"
    ),
    "a permission that runs code as another": gcp(
        "projects/IAMCustomRole", permissions=["cloudbuild.builds.create"]
    ),
    "a permission that makes cluster administrators": gcp(
        "projects/IAMCustomRole", permissions=["container.clusterRoleBindings.create"]
    ),
    "whoever views the project": gcp(
        "storage/BucketIAMMember", role="roles/storage.objectViewer", member="projectViewer:a"
    ),
    "everybody in Google's own words": gcp(
        "projects/IAMMember", role="roles/container.viewer", member="principalSet://goog/public:all"
    ),
    "a policy of any resource": gcp("healthcare/DatasetIamPolicy", policyData="{}"),
    "an admission policy that goes": clusterwide("validatingadmissionpolicies", "delete"),
    "a gateway that is another's": clusterwide("gateways", "update"),
    "a named Secret that its holder makes, of a token": resource(
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
        rules=[
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["a"],
                "verbs": ["create"],
            }
        ],
    ),
    "a listener of Envoy's": patched("LISTENER", address={}),
    "a filter without a name": patched("NETWORK_FILTER", typed_config={"@type": "a"}),
    "a filter that is another than its name says": patched(
        "HTTP_FILTER",
        name="envoy.filters.http.local_ratelimit",
        typed_config={"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"},
    ),
    "a filter that is switched off under another's name": patched(
        "HTTP_FILTER", name="envoy.filters.http.local_ratelimit", disabled=True
    ),
    "a filter's fields in JSON's own spelling": patched(
        "NETWORK_FILTER", name=FILTER, typedConfig={"httpFilters": []}
    ),
    "the mesh's own settings": resource(
        "kubernetes:core/v1:ConfigMapPatch",
        metadata={"name": "istio", "namespace": "istio-system"},
        data={"mesh": "outboundTrafficPolicy: {mode: ALLOW_ANY}"},
    ),
    "forwarded certificates": patched(
        "NETWORK_FILTER", name=FILTER, typed_config={"xff_num_trusted_hops": 5}
    ),
    "a proxy of another's": istiod(**{"global": {"hub": "registry.example.com/istio"}}),
    "a control plane elsewhere": istiod(**{"global": {"externalIstiod": True}}),
    "a default of the chart's own": istiod(
        _internal_defaults_do_not_set={"meshConfig": {"enableAutoMtls": False}}
    ),
    "a control plane of another's": istiod(pilot={"hub": "registry.example.com/istio"}),
    "a control plane that asks nobody who it is": istiod(pilot={"env": {"XDS_AUTH": "false"}}),
    "an authority of another's": istiod(**{"global": {"caAddress": "a.com:15012"}}),
    "a scaler that runs pods": resource("kubernetes:keda.sh/v1alpha1:ScaledJob"),
    "the metadata server by its short name": istio(
        "ServiceEntry", "networking", hosts=["metadata.goog"], resolution="DNS"
    ),
    "the metadata server by its address": istio(
        "ServiceEntry", "networking", hosts=["a.com"], addresses=["169.254.169.254"]
    ),
    "each secret of a project": gcp(
        "projects/IAMMember",
        role="roles/secretmanager.secretAccessor",
        member="user:a@example.com",
    ),
    "the rights of an administrator": resource(
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
        aggregationRule={
            "clusterRoleSelectors": [
                {"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}
            ]
        },
    ),
    "a chart's variable": resource(
        "kubernetes:helm.sh/v3:Release",
        chart="a",
        values={"app": {"extraEnv": [{"name": "API_TOKEN", "value": "hunter2"}]}},
        **VERSION,
    ),
    "a chart's own files of values": resource(
        "kubernetes:helm.sh/v3:Release", chart="a", valueYamlFiles=["values.yaml"], **VERSION
    ),
    "curl's password": job(command=["sh", "-c", "curl -u admin:hunter2 https://a.com"]),
    "a key by its look": job(env=[{"name": "A", "value": f"sk-proj-{'a1B2' * 10}"}]),
    **{
        f"the variable {name}": job(env=[{"name": name, "value": value}])
        for name, value in {
            "SECRET_KEY_BASE": "hunter2",
            "AZURE_STORAGE_KEY": "hunter2",
            "OAUTH_CLIENTSECRET": "hunter2",
            "api_key_v2": "hunter2",
            "DSN": "user:hunter2@tcp(db:3306)/pets",
            "DB": "user:hunter/2@tcp(db:3306)/pets",
            "TOKEN": "12345678",
            "ROOT_PW": "hunter2",
            "LDAP_BIND_PW": "hunter2",
            "CLIENT_SECRET": "client",
            "DB_SECRET": "hunter",
            "ERLANG_COOKIE": "monster",
        }.items()
    },
    **{
        f"the command {command}": job(command=["sh", "-c", command])
        for command in (
            "redis-cli -a hunter2 ping",
            "mysqladmin -phunter2 ping",
            "/usr/bin/mysql -uroot -p'hunter2'",
            "redis-server --requirepass hunter2",
        )
    },
    "a tool's password among its arguments": job(command=["redis-cli"], args=["-a", "hunter2"]),
    "a chart repository's password": resource(
        "kubernetes:helm.sh/v3:Release",
        chart="a",
        version="1.2.3",
        repositoryOpts={"repo": "https://a.com", "username": "a", "password": "hunter2"},
    ),
    "a chart's pods outside of the mesh": chart(podLabels={"sidecar.istio.io/inject": "false"}),
    "a chart's ports outside of the mesh": chart(
        web={"podAnnotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "80"}}
    ),
    "a chart's look at the node": chart(extraVolumes=[{"name": "a", "hostPath": {"path": "/"}}]),
    "a chart's capability": chart(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    "a chart's latest image": chart(image={"repository": "a", "tag": "latest"}),
    "a database user's password": gcp("sql/User", name="a", password="hunter2"),  # noqa: S106
    "a database's own password": resource(
        DATABASE.type,
        rootPassword="hunter2",
        **DATABASE.inputs,
    ),
    **{
        f"paths of {name}": paths(direction, peer, selector)
        for name, direction, peer, selector in (
            (
                "pods of any namespace",
                "ingress",
                {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}},
                {"matchLabels": {"app": "b"}},
            ),
            (
                "whoever says it is a name server",
                "ingress",
                {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}},
                {"matchLabels": {"app": "b"}},
            ),
            (
                "the whole mesh",
                "egress",
                {"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}},
                {},
            ),
            (
                "each restricted namespace",
                "ingress",
                {
                    "namespaceSelector": {
                        "matchLabels": {"pod-security.kubernetes.io/enforce": "restricted"}
                    }
                },
                {},
            ),
            ("the metadata server", "egress", {"ipBlock": {"cidr": "169.254.169.254/32"}}, {}),
        )
    },
    "all methods but one": at_ingress(methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"]),
    "methods by their letters": at_ingress(methods=["G*", "P*", "D*"]),
    "the hosts of all companies": at_ingress(hosts=["*.com", "*.net", "*.org"]),
    "a load balancer of two minds": resource(
        "kubernetes:core/v1:Service",
        metadata={
            "name": "a",
            "annotations": {
                "cloud.google.com/load-balancer-type": "Internal",
                "networking.gke.io/load-balancer-type": "External",
            },
        },
        spec={"type": "LoadBalancer"},
    ),
    **{
        f"a token by {condition}": gcp(
            "iam/WorkloadIdentityPoolProvider", attributeCondition=condition
        )
        for condition in (
            "assertion.repository == 'a/b' || true",
            "assertion.repository.startsWith('')",
            "assertion.repository.matches('.*')",
            "assertion.iss == 'https://token.actions.githubusercontent.com'",
            "assertion.ref == 'refs/heads/main'",
            "assertion.repository == ''",
        )
    },
    "an image of injection's in a pod of one's own": job(image="auto"),
    "a node's port of the ingress gateway": resource(
        "kubernetes:core/v1:Service",
        metadata={"name": "istio-ingressgateway", "namespace": "istio-ingress"},
        spec={"type": "NodePort"},
    ),
    "a public Gateway by another class": ways_in(gatewayClassName="istio"),
    "a public Gateway for everybody's routes": ways_in(
        listeners=[{"name": "a", "allowedRoutes": {"namespaces": {"from": "All"}}}]
    ),
    "a public Gateway for any host": ways_in(listeners=[{"name": "a", "hostname": "*"}]),
    **{
        f"a role that {verb}s all {resources}": clusterwide(resources, verb)
        for resources, verb in (
            *(("deployments", "patch"), ("daemonsets", "update"), ("configmaps", "update")),
            *(("virtualservices", "patch"), ("endpoints", "create"), ("endpointslices", "patch")),
            ("rollouts", "create"),
        )
    },
    **{
        f"a way out by {spec}": istio("ServiceEntry", "networking", **spec)
        for spec in (
            {"hosts": ["kubernetes.default.svc"], "resolution": "DNS"},
            {"hosts": ["a.internal"], "resolution": "DNS"},
            *(
                {"hosts": ["a.com"], "resolution": "STATIC", "endpoints": [{"address": address}]}
                for address in ("0.0.0.0", "::ffff:169.254.169.254", "fd20:ce::254")  # noqa: S104
            ),
            {"hosts": ["a.com"], "resolution": "NONE", "addresses": ["10.0.0.0/8"]},
        )
    },
    "a pod that says root": workload("Job", "batch", securityContext={"runAsNonRoot": False}),
}
