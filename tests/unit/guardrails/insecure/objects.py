"""Insecure objects: unknown kinds, access rights, ways in, network paths and patches."""

from collections.abc import Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.insecure.variants import RBAC, Data, Variants, each
from tests.unit.guardrails.judged import resource, workload
from tests.unit.guardrails.legitimate.common import CLUSTER, kubernetes


def kinds() -> Variants:
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


def rights() -> Variants:
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
            *(("Group", f"system:{some}") for some in ("serviceaccounts", "authenticated")),
            *(("Group", f"system:{some}") for some in ("unauthenticated", "masters", "nodes")),
            ("Group", "system:serviceaccounts:pets"),
            ("User", "system:anonymous"),
            ("ServiceAccount", "default"),
        ):
            yield f"{kind} {name}", [resource(binding, subjects=[{"kind": who, "name": name}])]


def ways_in() -> Variants:
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


def paths() -> Variants:
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


def patches() -> Variants:
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
