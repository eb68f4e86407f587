"""Kinds, charts and packages: the model of each that is read, the reason for each left out."""

from collections.abc import Mapping

from petmesh.mesh import cert_manager, envoy_filter, kubernetes, network_policy
from petmesh.mesh.fields import Fields
from petmesh.mesh.gateway_api import gateway_models
from petmesh.mesh.gateway_api import models as api
from petmesh.mesh.gateway_api.backend_tls import BackendTlsPolicy
from petmesh.mesh.istio import (
    destination_rule,
    networking,
    security,
    telemetry,
    virtual_service,
)

MODELS: Mapping[str, type[Fields]] = {
    "core/v1:Namespace": kubernetes.Namespace,
    "core/v1:ServiceAccount": kubernetes.ServiceAccount,
    "core/v1:Service": kubernetes.Service,
    "apps/v1:Deployment": kubernetes.Deployment,
    "apps/v1:StatefulSet": kubernetes.Deployment,
    "apps/v1:DaemonSet": kubernetes.Deployment,
    "core/v1:Pod": kubernetes.BarePod,
    "autoscaling/v2:HorizontalPodAutoscaler": kubernetes.HorizontalPodAutoscaler,
    "networking.istio.io/v1:VirtualService": virtual_service.VirtualService,
    "networking.istio.io/v1:DestinationRule": destination_rule.DestinationRule,
    "networking.istio.io/v1:ServiceEntry": networking.ServiceEntry,
    "networking.istio.io/v1:Gateway": networking.Gateway,
    "networking.istio.io/v1:Sidecar": networking.Sidecar,
    "networking.istio.io/v1alpha3:EnvoyFilter": envoy_filter.EnvoyFilter,
    "cert-manager.io/v1:Certificate": cert_manager.Certificate,
    "security.istio.io/v1:PeerAuthentication": security.PeerAuthentication,
    "networking.istio.io/v1:WorkloadEntry": networking.WorkloadEntry,
    "security.istio.io/v1:RequestAuthentication": security.RequestAuthentication,
    "security.istio.io/v1:AuthorizationPolicy": security.AuthorizationPolicy,
    "networking.k8s.io/v1:NetworkPolicy": network_policy.NetworkPolicy,
    "telemetry.istio.io/v1:Telemetry": telemetry.Telemetry,
}
_NO_METRICS = "no metrics back end is started: Envoy's own statistics are read"
NO_TRACES = "no tracing back end is started"
OTHER_CONTROLLER = (
    "its class isn't istio: another controller serves it, such as Google's load balancer, and "
    "requests reach Istio's gateways directly here"
)
_BALANCED = "Google's load balancer is not here: requests reach the ingress directly, in plain HTTP"
_EXPERIMENTAL = "istiod reads it with its alpha features of the Gateway API alone"
_NO_API_SERVER = "there is no API server here whose rights could be had"
_NO_EXTENSIONS = "no WebAssembly and no Lua is loaded here"
_NO_FILES = "no file is mounted here"
_NO_NODES = "there are no nodes here"
ENDS = "it runs to its end, and nothing calls it"
LEFT_OUT_KINDS = {
    "core/v1:ConfigMap": _NO_FILES,
    "core/v1:Secret": "no Secret is read here: certificates are a local authority's",
    "core/v1:PersistentVolume": _NO_FILES,
    "core/v1:PersistentVolumeClaim": _NO_FILES,
    "storage.k8s.io/v1:StorageClass": _NO_FILES,
    "core/v1:LimitRange": _NO_NODES,
    "core/v1:ResourceQuota": _NO_NODES,
    "scheduling.k8s.io/v1:PriorityClass": _NO_NODES,
    "batch/v1:Job": ENDS,
    "batch/v1:CronJob": ENDS,
    "networking.k8s.io/v1:Ingress": "Gateways and routes alone lead requests in here",
    "networking.k8s.io/v1:IngressClass": "Gateways and routes alone lead requests in here",
    "apiextensions.k8s.io/v1:CustomResourceDefinition": _NO_API_SERVER,
    "admissionregistration.k8s.io/v1:MutatingWebhookConfiguration": _NO_API_SERVER,
    "admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration": _NO_API_SERVER,
    "install.istio.io/v1alpha1:IstioOperator": "its MeshConfig alone is read",
    "extensions.istio.io/v1alpha1:WasmPlugin": _NO_EXTENSIONS,
    "extensions.istio.io/v1alpha1:TrafficExtension": _NO_EXTENSIONS,
    "networking.istio.io/v1:ProxyConfig": "a proxy here is configured by the rehearsal",
    "cert-manager.io/v1:Issuer": "a local authority issues what cert-manager would",
    "cert-manager.io/v1:ClusterIssuer": "a local authority issues what cert-manager would",
    "monitoring.coreos.com/v1:PodMonitor": _NO_METRICS,
    "monitoring.coreos.com/v1:PrometheusRule": _NO_METRICS,
    "monitoring.coreos.com/v1:ServiceMonitor": _NO_METRICS,
    "monitoring.googleapis.com/v1:ClusterRules": _NO_METRICS,
    "monitoring.googleapis.com/v1:PodMonitoring": _NO_METRICS,
    "rbac.authorization.k8s.io/v1:ClusterRole": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:Role": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:RoleBinding": _NO_API_SERVER,
    "policy/v1:PodDisruptionBudget": _NO_NODES,
    "gateway.networking.k8s.io/v1:GatewayClass": "istiod's own classes are known",
    "gateway.networking.x-k8s.io/v1alpha1:XBackend": _EXPERIMENTAL,
    "gateway.networking.x-k8s.io/v1alpha1:XBackendTrafficPolicy": _EXPERIMENTAL,
    "networking.gke.io/v1:GCPBackendPolicy": _BALANCED,
    "networking.gke.io/v1:GCPGatewayPolicy": _BALANCED,
    "networking.gke.io/v1:HealthCheckPolicy": _BALANCED,
}
GATEWAY_API: Mapping[str, type[Fields]] = {
    f"gateway.networking.k8s.io/v1:{kind}": model
    for kind, model in (
        ("Gateway", gateway_models.Gateway),
        ("ListenerSet", gateway_models.ListenerSet),
        ("HTTPRoute", api.HttpRoute),
        ("GRPCRoute", api.GrpcRoute),
        ("TLSRoute", api.TlsRoute),
        ("TCPRoute", api.TcpRoute),
        ("ReferenceGrant", api.ReferenceGrant),
        ("BackendTLSPolicy", BackendTlsPolicy),
    )
}
CHECKED: Mapping[type[Fields], str] = {
    network_policy.NetworkPolicy: "processes of one machine share its loopback network; "
    "whether one closes a path that the mesh uses is checked on paper",
}
LEFT_OUT_CHARTS = {
    "base": "there is no API server that needs Istio's CRDs",
    "grafana": _NO_METRICS,
    "jaeger": NO_TRACES,
    "kiali-server": _NO_METRICS,
    "kube-prometheus-stack": _NO_METRICS,
    "opentelemetry-collector": NO_TRACES,
    "cni": "traffic reaches a sidecar by its address, not by redirection",
}
# API groups whose kinds steer requests: a kind of theirs that isn't known is refused.
STEERING_GROUPS = ("istio.io", "gateway.networking.k8s.io", "apps", "core")
# The prefix of OpenTelemetry's environment variables, such as the collector's address.
LEFT_OUT_VARIABLES = "OTEL_"
LEFT_OUT_PACKAGES = {
    "gcp": "nothing is created in Google Cloud",
    "docker": "services run from this checkout's source, not from images",
    "pulumi": "providers have nothing to do here",
}
