"""Variants that a team must not ship: each field of a good object dropped, flipped or widened."""

from collections.abc import Iterator, Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import (
    ABSENT,
    BUDGET,
    DIGEST,
    changed,
    container,
    istio,
    resource,
    workload,
)
from tests.unit.guardrails.legitimate import (
    CLUSTER,
    DATABASE,
    LIMIT,
    LIMITED_ROLE,
    MEMBER,
    NODE_POOL,
    kubernetes,
)

Variants = Iterator[tuple[str, list[Resource]]]
POD = "spec.template.spec"
FIRST = f"{POD}.containers[0]"
RBAC = "rbac.authorization.k8s.io/v1"


Data = dict[str, Any]
_FOR_YEARS = {"path": "token", "expirationSeconds": 86_400_000}
_OPEN_WHEN_DOWN = {"name": "a", "envoyExtAuthzHttp": {"service": "a", "failOpen": True}}


def each(*given: Data) -> tuple[Data, ...]:
    """Objects of their own shapes each."""
    return given


def all_variants() -> Variants:
    """Each with a name."""
    for number, (name, resources) in enumerate(_all()):
        yield f"{number}: {name}", resources


def _all() -> Variants:
    yield from _pods()
    yield from _marks()
    yield from _kinds()
    yield from _rights()
    yield from _ways_in()
    yield from _mesh()
    yield from _callers()
    yield from _paths()
    yield from _cloud()
    yield from _credentials()
    yield from _patches()


def _each(good: Resource, fields: Mapping[str, tuple[Any, ...]], *beside: Resource) -> Variants:
    for field, values in fields.items():
        for value in values:
            shown = "absent" if value is ABSENT else value
            yield f"{good.type} {field} {shown}", [changed(good, field, value), *beside]


def _pods() -> Variants:
    context = f"{FIRST}.securityContext"
    fields: dict[str, tuple[Any, ...]] = {
        f"{POD}.hostNetwork": (True,),
        f"{POD}.hostPID": (True,),
        f"{POD}.hostIPC": (True,),
        f"{POD}.shareProcessNamespace": (True,),
        f"{POD}.hostAliases": ([{"ip": "192.0.2.1", "hostnames": ["istiod.istio-system.svc"]}],),
        f"{POD}.dnsConfig": ({"nameservers": ["192.0.2.1"]},),
        f"{POD}.nodeName": ("node-1",),
        f"{POD}.schedulerName": ("other",),
        f"{POD}.priorityClassName": ("system-node-critical", "system-cluster-critical"),
        f"{POD}.hostnameOverride": ("istiod",),
        f"{POD}.somethingNew": (True,),
        f"{POD}.serviceAccountName": (ABSENT, "default", ""),
        f"{POD}.securityContext.runAsUser": (0, 1337),
        f"{POD}.securityContext.runAsGroup": (1337,),
        f"{FIRST}.securityContext.runAsUser": (1337,),
        f"{POD}.automountServiceAccountToken": (ABSENT, True),
        f"{POD}.volumes": tuple(
            [{"name": "v", **volume}]
            for volume in each(
                {"hostPath": {"path": "/"}},
                {"hostPath": {"path": "/var/run/docker.sock"}},
                {"nfs": {"server": "a", "path": "/"}},
                {"gitRepo": {"repository": "https://a"}},
                {"projected": {"sources": [{"serviceAccountToken": _FOR_YEARS}]}},
                {"iscsi": {}},
                {"rbd": {}},
                {"glusterfs": {}},
                {"cephfs": {}},
                {"flexVolume": {"driver": "a"}},
                {"gcePersistentDisk": {"pdName": "a"}},
                {"awsElasticBlockStore": {"volumeID": "a"}},
                {"azureFile": {"shareName": "a"}},
                {"csi": {"driver": "hostpath.csi.k8s.io"}},
                {"image": {"reference": "a"}},
            )
        ),
        f"{POD}.securityContext": (
            {"runAsUser": 0},
            {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]},
            {"seLinuxOptions": {"type": "spc_t"}},
            {"seLinuxOptions": {"user": "root"}},
            {"appArmorProfile": {"type": "Unconfined"}},
            {"windowsOptions": {"hostProcess": True}},
            {"seccompProfile": {"type": "Unconfined"}},
            {"somethingNew": True},
        ),
        f"{context}.privileged": (True,),
        f"{context}.allowPrivilegeEscalation": (True, ABSENT),
        f"{context}.capabilities": (
            ABSENT,
            {"drop": []},
            {"drop": ["NET_RAW"]},
            *({"drop": ["ALL"], "add": [each]} for each in ("SYS_ADMIN", "NET_ADMIN", "ALL")),
            *({"drop": ["ALL"], "add": [each]} for each in ("NET_RAW", "SYS_PTRACE", "BPF")),
        ),
        f"{context}.runAsNonRoot": (False, ABSENT),
        f"{context}.runAsUser": (0,),
        f"{context}.procMount": ("Unmasked",),
        f"{context}.readOnlyRootFilesystem": (False,),
        f"{context}.seccompProfile": ({"type": "Unconfined"}, ABSENT),
        f"{context}.appArmorProfile": ({"type": "Unconfined"},),
        f"{context}.seLinuxOptions": ({"type": "spc_t"}, {"role": "sysadm_r"}),
        f"{context}.windowsOptions": ({"hostProcess": True},),
        f"{FIRST}.ports": ([{"containerPort": 80, "hostPort": 80}], [{"hostIP": "192.0.2.1"}]),
        f"{FIRST}.volumeMounts": ([{"name": "v", "mountPropagation": "Bidirectional"}],),
        f"{FIRST}.livenessProbe": (ABSENT, {"httpGet": {"host": "169.254.169.254"}}),
        f"{FIRST}.readinessProbe": (ABSENT, {"tcpSocket": {"host": "192.0.2.1"}}),
        f"{FIRST}.lifecycle": ({"preStop": {"httpGet": {"host": "192.0.2.1"}}},),
        f"{FIRST}.resources": (ABSENT, {"limits": {"memory": "1Gi"}}, {"requests": {"cpu": "1"}}),
        f"{FIRST}.image": (ABSENT, "app", "app:latest", "app:v1", f"app@sha256:{'1' * 63}"),
        f"{FIRST}.somethingNew": (True,),
    }
    yield from _each(workload(), fields, BUDGET)
    for kind, api in (("StatefulSet", "apps"), ("DaemonSet", "apps"), ("ReplicaSet", "apps")):
        yield f"{kind} hostPID", [workload(kind, api, hostPID=True), BUDGET]
    for kind in ("Job", "CronJob"):
        yield (
            f"{kind} privileged",
            [workload(kind, "batch", containers=container(securityContext={"privileged": True}))],
        )
    for sort in ("initContainers", "ephemeralContainers"):
        bad: Data = {
            "containers": container(),
            sort: container(securityContext={"privileged": True}),
        }
        yield f"{sort} privileged", [workload(**bad), BUDGET]
    yield "no budget", [workload()]
    yield "no budget of a set", [workload("StatefulSet")]
    for field, values in {
        "spec.maxUnavailable": (0, "0%", ABSENT),
        "metadata.namespace": ("elsewhere",),
        "spec.selector": ({"matchLabels": {"app": "other"}}, ABSENT),
    }.items():
        for value in values:
            yield f"budget {field} {value}", [workload(), changed(BUDGET, field, value)]
    for minimum in (1, "50%", "100%", 3):
        budget = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": minimum})
        yield f"budget of one pod, {minimum}", [workload(), budget]
    three = changed(workload("StatefulSet"), "spec.replicas", 3)
    for minimum in (3, "100%", "67%", 4):
        budget = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": minimum})
        yield f"budget of three, {minimum}", [three, budget]
    for source in ("hostPath", "nfs", "local", "iscsi", "fc", "flexVolume", "glusterfs"):
        yield (
            f"PersistentVolume {source}",
            [kubernetes("v1", "PersistentVolume", capacity={"storage": "1Gi"}, **{source: {}})],
        )
    yield "token Secret", [resource("kubernetes:core/v1:Secret", type=f"{_TOKEN}-token")]
    yield (
        "bootstrap Secret",
        [resource("kubernetes:core/v1:Secret", type="bootstrap.kubernetes.io/token")],
    )
    account = "kubernetes:core/v1:ServiceAccount"
    yield "account mounts", [resource(account, automountServiceAccountToken=True)]
    yield "account's secrets", [resource(account, secrets=[{"name": "token"}])]


_TOKEN = "kubernetes.io/service-account"
_OUT = {
    "labels": {
        "sidecar.istio.io/inject": ("false", "no"),
        "istio-injection": ("disabled",),
        "istio.io/dataplane-mode": ("none",),
        "istio.io/use-waypoint": ("none",),
        "security.istio.io/tlsMode": ("disabled",),
    },
    "annotations": {
        "sidecar.istio.io/inject": ("false",),
        "traffic.sidecar.istio.io/excludeInboundPorts": ("80", "*"),
        "traffic.sidecar.istio.io/excludeOutboundPorts": ("443",),
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": ("0.0.0.0/0",),
        "traffic.sidecar.istio.io/includeInboundPorts": ("", "80"),
        "traffic.sidecar.istio.io/includeOutboundIPRanges": ("10.0.0.0/8",),
        "traffic.sidecar.istio.io/includeOutboundPorts": ("80",),
        "traffic.sidecar.istio.io/excludeInterfaces": ("eth0",),
        "traffic.sidecar.istio.io/kubevirtInterfaces": ("net1",),
        "sidecar.istio.io/proxyImage": ("evil/proxy",),
        "sidecar.istio.io/proxyImageType": ("debug",),
        "sidecar.istio.io/userVolume": ("[]",),
        "sidecar.istio.io/userVolumeMount": ("[]",),
        "sidecar.istio.io/bootstrapOverride": ("custom",),
        "sidecar.istio.io/interceptionMode": ("NONE", "TPROXY"),
        "sidecar.istio.io/rewriteAppHTTPProbers": ("false",),
        "sidecar.istio.io/enableCoreDump": ("true",),
        "sidecar.istio.io/discoveryAddress": ("evil:15012",),
        "sidecar.istio.io/controlPlaneAuthPolicy": ("NONE",),
        "inject.istio.io/templates": ("gateway", "grpc-agent", "custom"),
        "ambient.istio.io/bypass-inbound-capture": ("true",),
        "ambient.istio.io/redirection": ("disabled",),
        "proxy.istio.io/config": (
            "image: {imageType: debug}",
            "discoveryAddress: evil:15012",
            "proxyMetadata: {ISTIO_META_TLS: none}",
            "interceptionMode: NONE",
            "[",
        ),
        "container.apparmor.security.beta.kubernetes.io/app": ("unconfined",),
        "seccomp.security.alpha.kubernetes.io/pod": ("unconfined",),
        "istio.io/somethingNew": ("true",),
    },
}


def _marks() -> Variants:
    for sort, marks in _OUT.items():
        for name, values in marks.items():
            for value in values:
                pod = workload()
                metadata = {"labels": {"app": "tried"}}
                metadata[sort] = {**metadata.get(sort, {}), name: value}
                template = changed(pod, "spec.template.metadata", metadata)
                yield f"pod {sort} {name} {value}", [template, BUDGET]
    good = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
    for change in each(
        {"istio-injection": "disabled"},
        {"istio-injection": None},
        {"istio-injection": None, "istio.io/dataplane-mode": "none"},
        {"pod-security.kubernetes.io/enforce": "baseline"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"pod-security.kubernetes.io/enforce": None},
        {"istio.io/use-waypoint": "none"},
        {"pod-security.kubernetes.io/enforce-version": "v1.20"},
    ):
        labels = {key: value for key, value in {**good, **change}.items() if value}
        yield (
            f"namespace {change}",
            [resource("kubernetes:core/v1:Namespace", metadata={"name": "pets", "labels": labels})],
        )


def _kinds() -> Variants:
    for type_ in (
        "extensions.istio.io/v1alpha1:WasmPlugin",
        "networking.istio.io/v1beta1:ProxyConfig",
        "networking.istio.io/v1:WorkloadEntry",
        "networking.istio.io/v1:WorkloadGroup",
        "argoproj.io/v1alpha1:Rollout",
        "argoproj.io/v1alpha1:Application",
        "argoproj.io/v1alpha1:Workflow",
        "serving.knative.dev/v1:Service",
        "policy.networking.k8s.io/v1alpha1:AdminNetworkPolicy",
        "policy.networking.k8s.io/v1alpha1:BaselineAdminNetworkPolicy",
        "cilium.io/v2:CiliumNetworkPolicy",
        "cilium.io/v2:CiliumClusterwideNetworkPolicy",
        "crd.projectcalico.org/v1:GlobalNetworkPolicy",
        "core/v1:Endpoints",
        "discovery.k8s.io/v1:EndpointSlice",
        "core/v1:Node",
        "admissionregistration.k8s.io/v1:MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration",
        "apiregistration.k8s.io/v1:APIService",
        "certificates.k8s.io/v1:CertificateSigningRequest",
        "gateway.networking.k8s.io/v1alpha2:TCPRoute",
        "gateway.networking.k8s.io/v1alpha2:UDPRoute",
        "gateway.networking.k8s.io/v1alpha2:TLSRoute",
        "storage.k8s.io/v1:CSIDriver",
        "core.cnrm.cloud.google.com/v1beta1:ConfigConnector",
        "iam.cnrm.cloud.google.com/v1beta1:IAMPolicyMember",
        "tekton.dev/v1:PipelineRun",
        "kubevirt.io/v1:VirtualMachine",
        "example.com/v1:AllowList",
        "helm.sh/v3:Chart",
        "core/v1:PodList",
        "apps/v1:DeploymentList",
    ):
        yield type_, [resource(f"kubernetes:{type_}", metadata={"name": "a"}, items=[])]
    for type_ in (
        "docker:index/container:Container",
        "docker:index/service:Service",
        "docker-build:index:Image",
        "command:local:Command",
        "tls:index/privateKey:PrivateKey",
        "aws:s3/bucket:Bucket",
        "gcp:serviceaccount/key:Key",
        "gcp:compute/projectMetadata:ProjectMetadata",
        "gcp:compute/projectMetadataItem:ProjectMetadataItem",
        "gcp:cloudrunv2/service:Service",
        "gcp:cloudfunctionsv2/function:Function",
        "gcp:appengine/application:Application",
        "gcp:iam/denyPolicy:DenyPolicy",
        "gcp:storage/hmacKey:HmacKey",
        "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
        "gcp:storage/bucketACL:BucketACL",
        "gcp:bigquery/datasetAccess:DatasetAccess",
        "gcp:container/attachedCluster:AttachedCluster",
        "gcp:notebooks/instance:Instance",
        "gcp:projects/defaultServiceAccounts:DefaultServiceAccounts",
        "gcp:apigee/organization:Organization",
    ):
        yield type_, [resource(type_)]


def _rights() -> Variants:
    def role(**rule: Any) -> list[Resource]:  # noqa: ANN401 (data)
        given = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], **rule}
        return [resource(f"kubernetes:{RBAC}:ClusterRole", rules=[given])]

    for verb in ("*", "escalate", "bind", "impersonate", "approve", "sign", "use", "attest"):
        yield f"verb {verb}", role(verbs=["get", verb])
    yield "every group", role(apiGroups=["*"])
    for name in ("*", "*/scale", "secrets", "nodes/proxy", "pods/exec", "pods/portforward"):
        yield f"resource {name}", role(resources=[name])
    for name in (
        *("pods", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "serviceaccounts/token"),
        *("roles", "rolebindings", "clusterroles", "clusterrolebindings", "persistentvolumes"),
        *("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "namespaces"),
        *("certificatesigningrequests/approval", "networkpolicies", "authorizationpolicies"),
        *("peerauthentications", "envoyfilters", "customresourcedefinitions", "apiservices"),
        *("nodes", "secrets", "wasmplugins", "requestauthentications", "externalsecrets"),
        *("deployments", "daemonsets", "statefulsets", "jobs", "cronjobs"),
    ):
        yield f"writes {name}", role(resources=[name], verbs=["create", "patch"])
    for url in ("*", "/*", "/api", "/logs", "/debug/pprof", "/metrics/*"):
        yield f"URL {url}", role(nonResourceURLs=[url])
    yield from _bindings()


def _bindings() -> Variants:
    cluster_role = f"kubernetes:{RBAC}:ClusterRole"
    for selector in each({}, {"matchLabels": {}}, {"matchExpressions": []}):
        rule = {"clusterRoleSelectors": [selector]}
        yield f"aggregated {selector}", [resource(cluster_role, aggregationRule=rule)]
    for to in ("admin", "edit"):
        labels = {f"rbac.authorization.k8s.io/aggregate-to-{to}": "true"}
        yield f"aggregated to {to}", [resource(cluster_role, metadata={"labels": labels})]
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        binding = f"kubernetes:{RBAC}:{kind}"
        for name in (
            *("cluster-admin", "admin", "edit", "system:node", "system:masters"),
            *("system:controller:generic-garbage-collector", "system:kube-scheduler"),
        ):
            yield f"{kind} {name}", [resource(binding, roleRef={"name": name})]
        for who, name in (
            *(("Group", f"system:{each}") for each in ("serviceaccounts", "authenticated")),
            *(("Group", f"system:{each}") for each in ("unauthenticated", "masters", "nodes")),
            ("Group", "system:serviceaccounts:pets"),
            ("User", "system:anonymous"),
            ("ServiceAccount", "default"),
        ):
            yield f"{kind} {name}", [resource(binding, subjects=[{"kind": who, "name": name}])]


def _ways_in() -> Variants:
    for spec in each(
        {"type": "LoadBalancer"},
        {"type": "NodePort"},
        {"externalIPs": ["192.0.2.1"]},
        {"type": "ExternalName", "externalName": "evil.example.com"},
    ):
        yield f"Service {spec}", [kubernetes("v1", "Service", **spec)]
    for annotation, value in (
        ("networking.gke.io/load-balancer-type", "External"),
        ("cloud.google.com/load-balancer-type", "internal-ish"),
        ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internet-facing"),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "false"),
    ):
        metadata = {"name": "a", "namespace": "pets", "annotations": {annotation: value}}
        yield (
            f"Service {annotation} {value}",
            [
                resource(
                    "kubernetes:core/v1:Service", metadata=metadata, spec={"type": "LoadBalancer"}
                )
            ],
        )
    for annotation, value in (
        ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
    ):
        metadata = {"name": "a", "namespace": "pets", "annotations": {annotation: value}}
        service = resource(
            "kubernetes:core/v1:Service", metadata=metadata, spec={"type": "LoadBalancer"}
        )
        yield f"on GKE, {annotation}", [service, CLUSTER]
    yield "Ingress", [kubernetes("networking.k8s.io/v1", "Ingress")]
    metadata = {"annotations": {"alb.ingress.kubernetes.io/scheme": "internal"}}
    ingress = resource("kubernetes:networking.k8s.io/v1:Ingress", metadata=metadata)
    yield "on GKE, an Ingress", [ingress, CLUSTER]
    api = "gateway.networking.k8s.io/v1"
    for gateway_class in ("gke-l7-global-external-managed", "istio", "nginx"):
        listeners = [{"name": "a", "hostname": "a.example.com"}]
        yield (
            f"Gateway {gateway_class}",
            [kubernetes(api, "Gateway", gatewayClassName=gateway_class, listeners=listeners)],
        )
    for listener in each(
        {"name": "http"},
        {"hostname": "*"},
        {"hostname": "*.example.com"},
        {"hostname": "a.example.com", "allowedRoutes": {"namespaces": {"from": "All"}}},
    ):
        spec = {"gatewayClassName": "gke-l7-rilb", "listeners": [listener]}
        yield f"listener {listener}", [kubernetes(api, "Gateway", **spec)]
    for kind in ("HTTPRoute", "GRPCRoute"):
        for spec in each({}, {"hostnames": []}, {"hostnames": ["*.example.com"]}):
            yield f"{kind} {spec}", [kubernetes(api, kind, parentRefs=[{"name": "a"}], **spec)]
    grant: Data = {"from": [{"kind": "Gateway", "namespace": "b"}], "to": [{"kind": "Secret"}]}
    yield (
        "ReferenceGrant",
        [kubernetes("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", **grant)],
    )
    for values in each(
        {"service": {"type": "LoadBalancer"}},
        {"controller": {"service": {"type": "NodePort"}}},
        {"ingress": {"enabled": True}},
        {"serviceType": "LoadBalancer"},
        {"items": [{"service": {"type": "LoadBalancer"}}]},
    ):
        yield f"chart {values}", [_release(values)]


def _release(values: Mapping[str, Any], **given: Any) -> Resource:  # noqa: ANN401 (data)
    fields: Data = {
        "chart": "app",
        "version": "1.2.3",
        "repositoryOpts": {"repo": "https://charts.example.com"},
        "values": values,
    }
    return resource("kubernetes:helm.sh/v3:Release", **{**fields, **given})


def _mesh() -> Variants:
    for spec in each(
        {},
        {"mtls": {}},
        *({"mtls": {"mode": mode}} for mode in ("PERMISSIVE", "DISABLE", "UNSET")),
        {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"80": {"mode": "DISABLE"}}},
        {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"80": {"mode": "PERMISSIVE"}}},
    ):
        yield f"PeerAuthentication {spec}", [istio("PeerAuthentication", "security", **spec)]
    for host, policy in (
        ("a", {"tls": {"mode": "DISABLE"}}),
        ("a", {"tls": {"mode": "SIMPLE"}}),
        ("a.pets.svc.cluster.local", {"tls": {"mode": "MUTUAL"}}),
        ("*.local", {"tls": {"mode": "SIMPLE"}}),
        ("a.com", {"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}}),
        ("a.com", {"portLevelSettings": [{"tls": {"mode": "DISABLE"}}]}),
        ("a", {"proxyProtocol": {"version": "V1"}}),
        ("a", {"tunnel": {"targetHost": "evil.com"}}),
        ("a", {"somethingNew": True}),
    ):
        for spec in each(
            {"trafficPolicy": policy},
            {"subsets": [{"name": "v1", "trafficPolicy": policy}]},
        ):
            rule = istio("DestinationRule", "networking", host=host, **spec)
            yield f"DestinationRule {host} {spec}", [rule]
    entry: Data = {"hosts": ["a.com"], "ports": [{"number": 443}], "resolution": "DNS"}
    for change in each(
        {"hosts": ["*"]},
        {"hosts": ["*.com"]},
        {"hosts": ["*.a.com"], "resolution": "NONE"},
        {"resolution": "NONE"},
        {"resolution": ABSENT},
        {"addresses": ["0.0.0.0/0"]},
        {"addresses": ["::/0"]},
        {"addresses": ["128.0.0.0/1"]},
        {"endpoints": [{"address": "169.254.169.254"}]},
        {"endpoints": [{"address": "127.0.0.1"}]},
        {"endpoints": [{"address": "unix:///run/containerd.sock"}]},
        {"endpoints": [{"address": "metadata.google.internal"}]},
    ):
        spec = {key: value for key, value in {**entry, **change}.items() if value is not ABSENT}
        yield f"ServiceEntry {change}", [istio("ServiceEntry", "networking", **spec)]
    yield from _gateways()
    yield from _settings()
    yield from _routes()
    yield from _filters()


def _gateways() -> Variants:
    server: Data = {"hosts": ["a.example.com"], "port": {"number": 443}}
    for change in each(
        {"hosts": ["*"]},
        {"hosts": ["pets/*"]},
        {"hosts": ["*.example.com"]},
        *({"tls": {"mode": mode}} for mode in ("AUTO_PASSTHROUGH", "OPTIONAL_MUTUAL")),
        {"tls": {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_0"}},
        {"tls": {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_1"}},
        {"tls": {"mode": "SIMPLE", "cipherSuites": ["DES-CBC3-SHA"]}},
        {"tls": {"mode": "SIMPLE", "cipherSuites": ["AES128-SHA"]}},
        {"tls": {"mode": "SIMPLE", "somethingNew": True}},
    ):
        spec = {"selector": {"istio": "ingressgateway"}, "servers": [{**server, **change}]}
        yield f"Gateway {change}", [istio("Gateway", "networking", **spec)]
    yield "Gateway of every proxy", [istio("Gateway", "networking", servers=[server])]
    for spec in each(
        {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
        {"egress": [{"hosts": ["*/*"]}]},
        {"egress": [{"hosts": ["./*"], "captureMode": "NONE"}]},
        {"ingress": [{"captureMode": "NONE", "defaultEndpoint": "127.0.0.1:80"}]},
        {"ingress": [{"tls": {"mode": "SIMPLE"}}]},
    ):
        yield f"Sidecar {spec}", [istio("Sidecar", "networking", **spec)]


def _settings() -> Variants:
    for given in each(
        {"chart": "istiod"},
        {"chart": "https://a.com/istiod-1.31.1.tgz"},
        {"chart": f"oci://r.example.com/istiod@sha256:{'1' * 64}"},
        {"chart": "./charts/mine"},
    ):
        values = {"meshConfig": {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}
        yield f"ALLOW_ANY {given}", [_release(values, **given)]
        if given["chart"] == "istiod":
            yield "no policy", [_release({}, **given)]
    for chart in (
        f"oci://r.example.com/istiod@sha256:{'1' * 64}",
        "./istiod/",
        "./istiod-1.31.tgz",
    ):
        yield f"no policy {chart}", [_release({}, chart=chart)]
    yield "validation", [_release({"base": {"validationFailurePolicy": "Ignore"}}, chart="base")]
    yield "postrender", [_release({}, chart="a", postrender="./change.sh")]
    for type_, field, value in (
        ("yaml:ConfigFile", "file", "https://example.com/a.yaml"),
        ("yaml/v2:ConfigGroup", "files", ["https://example.com/a.yaml"]),
        ("kustomize/v2:Directory", "directory", "github.com/a/b"),
    ):
        yield f"fetched {type_}", [changed(resource(f"kubernetes:{type_}"), field, value)]
    kubeconfig = '{"clusters": [{"cluster": {"insecure-skip-tls-verify": true}}]}'
    yield "any cluster", [resource("pulumi:providers:kubernetes", kubeconfig=kubeconfig)]
    for host in ("metadata.google.internal", "a.pets.svc.cluster.local"):
        yield f"entry {host}", [istio("ServiceEntry", "networking", hosts=[host], resolution="DNS")]
    registry = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    for values in each(
        {"meshConfig": {**registry, "enableAutoMtls": False}},
        {"meshConfig": {**registry, "accessLogFile": ""}},
        {"meshConfig": {**registry, "accessLogFile": "/dev/null"}},
        {"meshConfig": {**registry, "caCertificates": [{"pem": "a"}]}},
        {"meshConfig": {**registry, "meshMTLS": {"minProtocolVersion": "TLSV1_0"}}},
        {"meshConfig": {**registry, "defaultConfig": {"interceptionMode": "NONE"}}},
        {"meshConfig": {**registry, "defaultConfig": {"proxyMetadata": {"ANY": "a"}}}},
        {"meshConfig": registry, "global": {"proxy": {"privileged": True}}},
        {"meshConfig": {**registry, "rootNamespace": "pets"}},
        {"meshConfig": {**registry, "extensionProviders": [_OPEN_WHEN_DOWN]}},
        {"meshConfig": registry, "sidecarInjectorWebhook": {"neverInjectSelector": [{}]}},
        {"meshConfig": registry, "sidecarInjectorWebhook": {"templates": {"a": "b"}}},
        {"meshConfig": registry, "global": {"proxy": {"excludeIPRanges": "0.0.0.0/0"}}},
        {"meshConfig": registry, "global": {"proxy": {"excludeOutboundPorts": "443"}}},
        {"meshConfig": registry, "global": {"proxy": {"autoInject": "disabled"}}},
        {"meshConfig": registry, "global": {"tag": "latest"}},
        {"meshConfig": registry, "global": {"jwtPolicy": "first-party-jwt"}},
        {"meshConfig": registry, "global": {"proxy": {"enableCoreDump": True}}},
        {"meshConfig": registry, "env": {"PILOT_SKIP_VALIDATE_TRUST_DOMAIN": "true"}},
        {"meshConfig": registry, "env": {"ENABLE_AUTO_SNI": "false"}},
        {"meshConfig": registry, "base": {"validationFailurePolicy": "Ignore"}},
    ):
        yield f"istiod {values}", [_release(values, chart="istiod")]
    yield "no access log", [istio("Telemetry", "telemetry", accessLogging=[{"disabled": True}])]
    yield (
        "keys in clear",
        [istio("RequestAuthentication", "security", jwtRules=[{"jwksUri": "http://a.com"}])],
    )


def _routes() -> Variants:
    for weights in ((10, 10), (90, 20), (0, 0), (150, -50), (60, None)):
        route = [{"destination": {"host": "a"}, "weight": weight} for weight in weights]
        yield (
            f"weights {weights}",
            [istio("VirtualService", "networking", hosts=["a"], http=[{"route": route}])],
        )
    route = [{"destination": {"host": "a", "subset": "v9"}}]
    yield "no such subset", [istio("VirtualService", "networking", http=[{"route": route}])]
    for origin in ({"exact": "*"}, {"regex": ".*"}, {"prefix": "https://"}):
        http = [{"corsPolicy": {"allowOrigins": [origin]}}]
        yield f"origins {origin}", [istio("VirtualService", "networking", http=http)]
    public = {"hosts": ["*"], "gateways": ["istio-ingress/petmesh"]}
    yield "public hosts", [istio("VirtualService", "networking", **public)]


def _filters() -> Variants:
    def patched(**patch: Any) -> dict[str, Any]:  # noqa: ANN401 (data)
        return {"configPatches": [{"applyTo": "HTTP_FILTER", "patch": patch}]}

    chosen = {"workloadSelector": {"labels": {"app": "a"}}}
    limit = {"name": "envoy.filters.http.local_ratelimit"}
    for spec in (
        patched(operation="INSERT_BEFORE", value=limit),
        {**chosen, **patched(operation="REMOVE", value={"name": "envoy.filters.http.rbac"})},
        {**chosen, **patched(operation="REMOVE")},
        {**chosen, **patched(operation="REPLACE", value=limit)},
        *(
            {**chosen, **patched(operation="INSERT_FIRST", value={"name": name})}
            for name in (
                "envoy.filters.http.lua",
                "envoy.filters.http.wasm",
                "envoy.filters.http.ext_proc",
                "envoy.filters.http.rbac",
                "envoy.filters.network.tcp_proxy",
            )
        ),
        {
            **chosen,
            **patched(
                operation="MERGE",
                value={
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {"http_filters": [{"name": "envoy.filters.http.lua"}]},
                },
            ),
        },
    ):
        yield f"EnvoyFilter {spec}", [istio("EnvoyFilter", "networking", **spec)]


def _callers() -> Variants:
    def policy(rule: Mapping[str, Any], namespace: str = "pets") -> list[Resource]:
        given = istio("AuthorizationPolicy", "security", rules=[rule])
        return [changed(given, "metadata.namespace", namespace)]

    for source in each(
        {},
        {"principals": ["*"]},
        {"principals": ["cluster.local/*"]},
        {"principals": ["*/sa/petservice"]},
        {"principals": ["cluster.local/ns/pets/sa/*"]},
        {"namespaces": ["*"]},
        {"namespaces": ["pets*"]},
        {"serviceAccounts": ["*"]},
        {"ipBlocks": ["0.0.0.0/0"]},
        {"ipBlocks": ["::/0"]},
        {"ipBlocks": ["10.0.0.0/7"]},
        {"remoteIpBlocks": ["0.0.0.0/1"]},
        {"notPrincipals": ["cluster.local/ns/a/sa/b"]},
        {"notNamespaces": ["a"]},
        {"notIpBlocks": ["192.0.2.0/24"]},
        {"notRequestPrincipals": ["*"]},
    ):
        yield f"source {source}", policy({"from": [{"source": source}]})
    for rule in each(
        {},
        {"from": []},
        {"to": [{"operation": {"methods": ["GET"]}}]},
        {"when": [{"key": "request.headers[x-any]", "values": ["*"]}]},
        {"when": [{"key": "source.principal", "values": ["*"]}]},
        {"when": [{"key": "source.ip", "values": ["0.0.0.0/0"]}]},
        {"when": [{"key": "source.namespace", "notValues": ["a"]}]},
    ):
        yield f"rule {rule}", policy(rule)
    for operation in each(
        {},
        {"methods": ["*"]},
        {"methods": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
        {"methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]},
        *({"paths": [path]} for path in ("*", "/*", "/**", "/{**}", "{**}", "/{*}/{**}", "/{*}")),
        {"hosts": ["*"]},
        {"ports": ["80"]},
        {"notPaths": ["/admin"]},
        {"notMethods": ["TRACE"]},
    ):
        rule = {"to": [{"operation": operation}]}
        yield f"at the ingress {operation}", policy(rule, "istio-ingress")
    token = {"from": [{"source": {"requestPrincipals": ["*"]}}]}
    yield "any token for everything at the ingress", policy(token, "istio-ingress")


def _paths() -> Variants:
    def policy(selector: Mapping[str, Any], **spec: Any) -> list[Resource]:  # noqa: ANN401 (data)
        return [kubernetes("networking.k8s.io/v1", "NetworkPolicy", podSelector=selector, **spec)]

    some = {"matchLabels": {"app": "a"}}
    for peer in each(
        {},
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": {}}},
        {"namespaceSelector": {}, "podSelector": {}},
        *(
            {"namespaceSelector": {"matchExpressions": [expression]}}
            for expression in each(
                {"key": "kubernetes.io/metadata.name", "operator": "Exists"},
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["a"]},
                {"key": "team", "operator": "DoesNotExist"},
            )
        ),
    ):
        for selector in each({}, some):
            yield f"from {peer} {selector}", policy(selector, ingress=[{"from": [peer]}])
            yield f"to {peer} {selector}", policy(selector, egress=[{"to": [peer]}])
    for selector in each({}, some):
        yield f"egress to anybody {selector}", policy(selector, egress=[{}])
        yield f"egress to a port {selector}", policy(selector, egress=[{"ports": [{"port": 443}]}])
        yield f"ingress of anybody {selector}", policy(selector, ingress=[{}])
    for cidr in ("0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/2"):
        block = [{"ipBlock": {"cidr": cidr}}]
        yield f"ingress of {cidr}", policy({}, ingress=[{"from": block}])
        yield f"egress to {cidr}", policy({}, egress=[{"to": block}])


def _cloud() -> Variants:
    fields: dict[str, tuple[Any, ...]] = {
        "privateClusterConfig.enablePrivateNodes": (False, ABSENT),
        "privateClusterConfig.enablePrivateEndpoint": (False, ABSENT),
        "privateClusterConfig": (ABSENT,),
        "masterAuthorizedNetworksConfig": (
            {"cidrBlocks": [{"cidrBlock": "0.0.0.0/0"}]},
            {"cidrBlocks": [{"cidrBlock": "10.0.0.0/7"}]},
            {"gcpPublicCidrsAccessEnabled": True},
        ),
        "enableLegacyAbac": (True,),
        "controlPlaneEndpointsConfig": (
            {"dnsEndpointConfig": {"enableK8sTokensViaDns": True}},
            {"dnsEndpointConfig": {"enableK8sCertsViaDns": True}},
        ),
        "enableKubernetesAlpha": (True,),
        "enableShieldedNodes": (False,),
        "enableIntranodeVisibility": (False,),
        "allowNetAdmin": (True,),
        "anonymousAuthenticationConfig": ({"mode": "ENABLED"},),
        "masterAuth": (
            {"clientCertificateConfig": {"issueClientCertificate": True}},
            {"username": "admin"},
            {"password": "hunter2"},
        ),
        "datapathProvider": ("LEGACY_DATAPATH", "DATAPATH_PROVIDER_UNSPECIFIED", ABSENT),
        "networkingMode": ("ROUTES",),
        "releaseChannel": ({"channel": "UNSPECIFIED"},),
        "loggingService": ("none",),
        "monitoringService": ("none",),
        "loggingConfig": ({"enableComponents": []}, {"enableComponents": ["WORKLOADS"]}),
        "monitoringConfig": ({"enableComponents": []},),
        "securityPostureConfig": ({"mode": "DISABLED"},),
        "workloadIdentityConfig": (ABSENT,),
        "addonsConfig": (
            {"kubernetesDashboard": {"disabled": False}},
            {"networkPolicyConfig": {"disabled": True}},
        ),
        "rbacBindingConfig": (
            {"enableInsecureBindingSystemAuthenticated": True},
            {"enableInsecureBindingSystemUnauthenticated": True},
        ),
        "nodePoolDefaults": (
            {"nodeConfigDefaults": {"insecureKubeletReadonlyPortEnabled": "TRUE"}},
        ),
        "nodePools": ([{"nodeConfig": {}}], [{"networkConfig": {"enablePrivateNodes": False}}]),
    }
    yield from _each(CLUSTER, fields)
    nodes: dict[str, tuple[Any, ...]] = {
        "nodeConfig.serviceAccount": (
            *(ABSENT, "default", "1-compute@developer.gserviceaccount.com"),
            "pets@appspot.gserviceaccount.com",
        ),
        "nodeConfig.shieldedInstanceConfig": (
            {"enableSecureBoot": False},
            {"enableIntegrityMonitoring": False},
        ),
        "nodeConfig.metadata": (
            {"disable-legacy-endpoints": "false"},
            {"ssh-keys": "a"},
            {"serial-port-enable": "true"},
        ),
        "nodeConfig.workloadMetadataConfig": ({"mode": "GCE_METADATA"},),
        "nodeConfig.imageType": ("UBUNTU_CONTAINERD", "COS"),
        "nodeConfig.kubeletConfig": ({"insecureKubeletReadonlyPortEnabled": "TRUE"},),
    }
    yield from _each(NODE_POOL, nodes)
    yield from _each(CLUSTER, nodes)
    pool: dict[str, tuple[Any, ...]] = {
        "networkConfig": ({"enablePrivateNodes": False},),
        "management": ({"autoRepair": False}, {"autoUpgrade": False}),
    }
    yield from _each(NODE_POOL, pool)
    members: dict[str, tuple[Any, ...]] = {
        "member": (
            *("allUsers", "allAuthenticatedUsers", "domain:example.com"),
            "principalSet://iam.googleapis.com/projects/1/locations/global/pools/github/*",
        ),
        "role": (
            *("roles/owner", "roles/editor", "roles/viewer"),
            *("roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"),
            *("roles/iam.serviceAccountKeyAdmin", "roles/iam.securityAdmin"),
            *("roles/iam.workloadIdentityPoolAdmin", "roles/iam.roleAdmin"),
            *("roles/resourcemanager.projectIamAdmin", "roles/resourcemanager.folderAdmin"),
            "roles/iam.workloadIdentityUser",
        ),
    }
    yield from _each(MEMBER, members)
    limited = changed(MEMBER, "condition", {"title": "limited", "expression": LIMIT})
    wider = (
        *("roles/iam.securityAdmin", "roles/resourcemanager.folderAdmin"),
        *("roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"),
    )
    yield from _each(limited, {"role": wider})
    near_misses = (
        *(LIMIT.replace("roles/container.viewer", each) for each in (*wider, LIMITED_ROLE)),
        *(LIMIT.replace("roles/container.viewer", each) for each in ("roles/owner", "roles/*")),
        LIMIT.replace("roles/container.viewer", "projects/pets/roles/custom"),
        *(f"{LIMIT} || true", f"true || {LIMIT}", f"!{LIMIT}", f"{LIMIT}\n|| true", "true", ""),
        LIMIT.replace("hasOnly", "hasAny"),
        LIMIT.replace("modifiedGrantsByRole", "modifiedGrantsByRoles"),
        LIMIT.replace(", [])", ", ['roles/owner'])"),
        LIMIT.replace("['roles/container.admin', 'roles/container.viewer']", "[]"),
        None,
    )
    yield from _each(
        changed(limited, "role", LIMITED_ROLE),
        {"condition.expression": near_misses, "condition": (ABSENT, {"title": LIMIT})},
    )
    for kind in ("IAMBinding", "IAMPolicy", "BucketIAMPolicy", "RepositoryIamBinding"):
        yield kind, [resource(f"gcp:projects/x:{kind}", role="roles/run.viewer")]
    for permission in (
        *("resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.actAs"),
        *("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signBlob", "storage.*"),
        *("iam.serviceAccountKeys.create", "iam.roles.update", "secretmanager.versions.access"),
        *("iam.serviceAccounts.implicitDelegation", "storage.buckets.setIamPolicy"),
    ):
        yield (
            f"custom role {permission}",
            [resource("gcp:projects/iAMCustomRole:IAMCustomRole", permissions=[permission])],
        )
    firewall = "gcp:compute/firewall:Firewall"
    tcp = [{"protocol": "tcp", "ports": ["22"]}]
    for given in each(
        *({"sourceRanges": [cidr], "allows": tcp} for cidr in ("0.0.0.0/0", "::/0", "0.0.0.0/1")),
        {"allows": tcp},
        {"allows": tcp, "direction": "INGRESS", "sourceRanges": []},
        {"sourceRanges": ["10.0.0.0/8"], "allows": [{"protocol": "all"}]},
    ):
        yield f"firewall {given}", [resource(firewall, **given)]
    match: Data = {"match": {"srcIpRanges": ["0.0.0.0/0"]}}
    yield "firewall policy", [resource("gcp:compute/x:NetworkFirewallPolicyRule", **match)]
    own = {"email": "vm@pets.iam.gserviceaccount.com", "scopes": ["cloud-platform"]}
    for kind in ("Instance", "InstanceTemplate"):
        for given in each(
            {"networkInterfaces": [{"network": "a", "accessConfigs": [{}]}]},
            {"networkInterfaces": [{"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]},
            {"canIpForward": True},
            {"shieldedInstanceConfig": {"enableSecureBoot": False}},
            {"metadata": {"ssh-keys": "root:a"}},
            {"metadata": {"serial-port-enable": "true"}},
            {"metadata": {"enable-oslogin": "FALSE"}},
            {"metadata": {"block-project-ssh-keys": "false"}},
            {"metadata": {"startup-script": "export DB_PASSWORD=hunter2"}},
            {"serviceAccount": {"scopes": ["cloud-platform"]}},
        ):
            good: Data = {"serviceAccount": own, "networkInterfaces": [{"network": "a"}]}
            yield f"{kind} {given}", [resource(f"gcp:compute/x:{kind}", **{**good, **given})]
    database: dict[str, tuple[Any, ...]] = {
        "settings.ipConfiguration.ipv4Enabled": (True, ABSENT),
        "settings.ipConfiguration.sslMode": ("ALLOW_UNENCRYPTED_AND_ENCRYPTED",),
        "settings.ipConfiguration.requireSsl": (False,),
        "settings.ipConfiguration.authorizedNetworks": ([{"value": "0.0.0.0/0"}],),
    }
    yield from _each(DATABASE, database)
    cases: list[tuple[str, Data]] = [
        ("storage/x:Bucket", {}),
        ("storage/x:Bucket", {"uniformBucketLevelAccess": False}),
        (
            "storage/x:Bucket",
            {"uniformBucketLevelAccess": True, "publicAccessPrevention": "inherited"},
        ),
        ("storage/x:BucketObject", {"predefinedAcl": "publicRead"}),
        ("bigquery/x:Dataset", {"accesses": [{"specialGroup": "allAuthenticatedUsers"}]}),
        ("bigquery/x:Dataset", {"accesses": [{"iamMember": "allUsers"}]}),
        ("compute/x:Network", {"autoCreateSubnetworks": True}),
        ("compute/x:Network", {}),
        ("compute/x:Subnetwork", {"privateIpGoogleAccess": False}),
        ("compute/x:Subnetwork", {"ipv6AccessType": "EXTERNAL"}),
        ("compute/x:ForwardingRule", {"loadBalancingScheme": "EXTERNAL"}),
        ("compute/x:GlobalForwardingRule", {"loadBalancingScheme": "EXTERNAL_MANAGED"}),
        ("compute/x:SSLPolicy", {"minTlsVersion": "TLS_1_0", "profile": "MODERN"}),
        ("compute/x:SSLPolicy", {"minTlsVersion": "TLS_1_2", "profile": "COMPATIBLE"}),
        ("compute/x:SSLPolicy", {}),
        ("iam/x:WorkloadIdentityPoolProvider", {"oidc": {"issuerUri": "https://a"}}),
        ("iam/x:WorkloadIdentityPoolProvider", {"attributeCondition": "true"}),
        ("iam/x:WorkloadIdentityPoolProvider", {"attributeCondition": ""}),
        ("redis/x:Instance", {"authEnabled": False}),
        ("redis/x:Instance", {"transitEncryptionMode": "DISABLED"}),
        ("dns/x:ManagedZone", {"dnssecConfig": {"state": "off"}}),
        ("projects/x:IAMAuditConfig", {"auditLogConfigs": [{"exemptedMembers": ["user:a"]}]}),
        (
            "artifactregistry/x:Repository",
            {"vulnerabilityScanningConfig": {"enablementConfig": "DISABLED"}},
        ),
        ("organizations/x:Project", {"autoCreateNetwork": True}),
    ]
    for type_, given in cases:
        yield f"{type_} {given}", [resource(f"gcp:{type_}", **given)]


def _credentials() -> Variants:
    jwt = f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20}"
    for name, value in (
        *((name, "hunter2") for name in ("clientSecret", "authToken", "SIGNING_KEY", "DB_PASS")),
        *((name, "hunter2") for name in ("DB_PASSWORD", "PGPASSWORD", "SECRET", "TOKEN", "db_pwd")),
        *((name, "hunter2") for name in ("API_KEY", "apiKey", "ENCRYPTION_KEY", "JWT_SECRET")),
        *((name, "hunter2") for name in ("SESSION_SECRET", "DB_SECRET", "CREDENTIALS", "passwd")),
        *((name, "abc-def") for name in ("CLIENT_SECRET", "APP_SECRET", "WEBHOOK_SECRET")),
        *((name, "hunter2") for name in ("ACCOUNT_KEY", "HMAC_KEY", "PASSWORD_B64", "SSH_KEY")),
        ("KEY", "-----BEGIN PRIVATE KEY-----\nMIIE"),
        ("CERT", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("ACCOUNT", '{"type": "service_account", "private_key": "a"}'),
        ("AWS", "AKIAIOSFODNN7EXAMPLE"),
        ("GIT", f"ghp_{'a' * 36}"),
        ("SLACK", "xoxb-1234567890-abcdef"),
        ("MAPS", f"AIza{'a' * 35}"),
        ("STRIPE", f"sk_live_{'a' * 24}"),
        ("JWT", jwt),
        ("DATABASE_URL", "postgres://u:hunter2@db/x"),
        ("DSN", "Server=db;User=a;Password=hunter2"),
        ("CALLBACK", "https://a.com/?token=hunter2"),
    ):
        env = container(env=[{"name": name, "value": value}])
        yield f"env {name} {value}", [workload(containers=env), BUDGET]
        yield (
            f"ConfigMap {name} {value}",
            [resource("kubernetes:core/v1:ConfigMap", data={"app.env": f"A=b\n{name}={value}\n"})],
        )
        yield f"values {name} {value}", [_release({"app": {name: value}})]
    for field, key, value in (
        ("data", ".pgpass", "db:5432:app:app:hunter2"),
        ("data", "id_ed25519", "AAAA"),
        ("data", "config.json", '{"auths": {"r.example.com": {"auth": "dTpodW50ZXIy"}}}'),
        ("data", "jwks", '{"keys": [{"kty": "oct", "k": "aHVudGVyMg"}]}'),
        ("data", "url", "https://hooks.slack.com/services/T0/B0/X"),
        ("binaryData", "a", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"),
    ):
        config = resource("kubernetes:core/v1:ConfigMap")
        yield f"file {key}", [changed(config, field, {key: value})]
    for words in (
        ["app", "--password=hunter2"],
        ["app", "--password", "hunter2"],
        ["sh", "-c", "TOKEN=hunter2 app"],
        ["app", "https://u:hunter2@a.com"],
        ["curl", "-H", "Authorization: Bearer hunter2"],
        ["curl", "-H", "X-Api-Key: hunter2"],
    ):
        yield f"args {words}", [workload(containers=container(args=words)), BUDGET]
        for probe in ("livenessProbe", "readinessProbe"):
            given = container(**{probe: {"exec": {"command": words}}})
            yield f"{probe} {words}", [workload(containers=given), BUDGET]
        for hook in ("preStop", "postStart"):
            given = container(lifecycle={hook: {"exec": {"command": words}}})
            yield f"{hook} {words}", [workload(containers=given), BUDGET]
    for name, value in (("Authorization", "Basic dTpodW50ZXIy"), ("X-Api-Key", "hunter2")):
        probe = {"httpGet": {"path": "/", "httpHeaders": [{"name": name, "value": value}]}}
        yield f"probe's {name}", [workload(containers=container(livenessProbe=probe)), BUDGET]
        headers = {"request": {"set": {name: value}}}
        http = [{"headers": headers, "route": [{"destination": {"host": "a"}}]}]
        yield f"route's {name}", [istio("VirtualService", "networking", http=http)]
    build = {"dockerfile": "apps/petservice/Dockerfile", "context": "apps"}
    for name in ("NPM_TOKEN", "PASSWORD"):
        given = {**build, "args": {"BASE_IMAGE": DIGEST, name: "hunter2"}}
        yield f"build's {name}", [resource("docker:index/image:Image", build=given)]
    yield (
        "a provider's key",
        [resource("pulumi:providers:gcp", credentials='{"private_key": "-----BEGIN"}')],
    )


def _patches() -> Variants:
    def patch(type_: str, **given: Any) -> list[Resource]:  # noqa: ANN401 (data)
        metadata = {"name": "a", "namespace": "pets", **given.pop("metadata", {})}
        return [resource(f"kubernetes:{type_}Patch", metadata=metadata, **given)]

    some = {"podSelector": {"matchLabels": {"app": "a"}}}
    yield "default-deny narrowed", patch("networking.k8s.io/v1:NetworkPolicy", spec=some)
    yield (
        "default-deny one way",
        patch("networking.k8s.io/v1:NetworkPolicy", spec={"policyTypes": ["Ingress"]}),
    )
    for labels in each(
        {"istio-injection": "disabled"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"istio.io/dataplane-mode": "none"},
    ):
        yield f"namespace {labels}", patch("core/v1:Namespace", metadata={"labels": labels})
    route = [{"route": [{"destination": {"host": "a"}, "weight": 10}] * 2}]
    yield "weights", patch("networking.istio.io/v1:VirtualService", spec={"http": route})
    yield "no callers", patch("security.istio.io/v1:AuthorizationPolicy", spec={"rules": [{}]})
    selector = {"selector": {"matchLabels": {"app": "a"}}}
    yield "fewer", patch("security.istio.io/v1:AuthorizationPolicy", spec=selector)
    yield (
        "plaintext",
        patch("security.istio.io/v1:PeerAuthentication", spec={"mtls": {"mode": "PERMISSIVE"}}),
    )
    yield "a budget", patch("policy/v1:PodDisruptionBudget", spec={"minAvailable": 99})
    yield "an address", patch("core/v1:Service", spec={"type": "LoadBalancer"})
    yield "a node's network", [workload("DeploymentPatch", hostNetwork=True)]
    yield (
        "a proxy",
        patch(
            "apps/v1:Deployment",
            spec={"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}},
        ),
    )
    yield "a right", patch(f"{RBAC}:ClusterRole", rules=[{"verbs": ["escalate"]}])
    yield (
        "the outside",
        patch(
            "networking.istio.io/v1:Sidecar", spec={"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
        ),
    )
    yield "a kind", patch("argoproj.io/v1alpha1:Rollout")
