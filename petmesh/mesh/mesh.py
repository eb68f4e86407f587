"""Gathers what a declaration holds for the mesh, and what of it the rehearsal leaves out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from petmesh.mesh import cert_manager, envoy_filter, helm, istio, kubernetes, network
from petmesh.mesh.fields import Fields, Metadata, Omission, RefusedError, group, read_marks
from petmesh.program.program import Declaration, Resource

CLUSTER_DOMAIN = "cluster.local"
ROOT_NAMESPACE = "istio-system"

T = TypeVar("T", bound=Fields)

_MODELS: Mapping[str, type[Fields]] = {
    "core/v1:Namespace": kubernetes.Namespace,
    "core/v1:ServiceAccount": kubernetes.ServiceAccount,
    "core/v1:Service": kubernetes.Service,
    "apps/v1:Deployment": kubernetes.Deployment,
    "autoscaling/v2:HorizontalPodAutoscaler": kubernetes.HorizontalPodAutoscaler,
    "networking.istio.io/v1:VirtualService": istio.VirtualService,
    "networking.istio.io/v1:DestinationRule": istio.DestinationRule,
    "networking.istio.io/v1:ServiceEntry": istio.ServiceEntry,
    "networking.istio.io/v1:Gateway": istio.Gateway,
    "networking.istio.io/v1:Sidecar": istio.Sidecar,
    "networking.istio.io/v1alpha3:EnvoyFilter": envoy_filter.EnvoyFilter,
    "cert-manager.io/v1:Certificate": cert_manager.Certificate,
    "security.istio.io/v1:PeerAuthentication": istio.PeerAuthentication,
    "security.istio.io/v1:AuthorizationPolicy": istio.AuthorizationPolicy,
    "networking.k8s.io/v1:NetworkPolicy": network.NetworkPolicy,
    "telemetry.istio.io/v1:Telemetry": istio.Telemetry,
}
_NO_METRICS = "no metrics back end is started: Envoy's own statistics are read"
_NO_TRACES = "no tracing back end is started"
_BALANCED = "Google's load balancer is not here: the ingress is asked itself, in plain HTTP"
_NO_API_SERVER = "there is no API server here whose rights could be had"
_LEFT_OUT_KINDS = {
    "core/v1:ConfigMap": "no file is mounted here",
    "monitoring.coreos.com/v1:PodMonitor": _NO_METRICS,
    "monitoring.coreos.com/v1:PrometheusRule": _NO_METRICS,
    "monitoring.coreos.com/v1:ServiceMonitor": _NO_METRICS,
    "monitoring.googleapis.com/v1:ClusterRules": _NO_METRICS,
    "monitoring.googleapis.com/v1:PodMonitoring": _NO_METRICS,
    "rbac.authorization.k8s.io/v1:ClusterRole": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:Role": _NO_API_SERVER,
    "rbac.authorization.k8s.io/v1:RoleBinding": _NO_API_SERVER,
    "policy/v1:PodDisruptionBudget": "there are no nodes here",
    "gateway.networking.k8s.io/v1:Gateway": _BALANCED,
    "gateway.networking.k8s.io/v1:HTTPRoute": _BALANCED,
    "networking.gke.io/v1:GCPGatewayPolicy": _BALANCED,
    "networking.gke.io/v1:HealthCheckPolicy": _BALANCED,
}
_CHECKED: Mapping[type[Fields], str] = {
    network.NetworkPolicy: "processes of one machine share its loopback network; "
    "whether one closes a path that the mesh uses is checked on paper",
}
_LEFT_OUT_CHARTS = {
    "base": "there is no API server that needs Istio's CRDs",
    "grafana": _NO_METRICS,
    "jaeger": _NO_TRACES,
    "kiali-server": _NO_METRICS,
    "kube-prometheus-stack": _NO_METRICS,
    "opentelemetry-collector": _NO_TRACES,
    "cni": "traffic reaches a sidecar by its address, not by redirection",
}
# OpenTelemetry's own variables, which tell a service where its traces go.
_LEFT_OUT_VARIABLES = "OTEL_"
_LEFT_OUT_PACKAGES = {
    "gcp": "nothing is created in Google Cloud",
    "docker": "services run from this checkout's source, not from images",
    "pulumi": "providers have nothing to do here",
}


@dataclass(frozen=True)
class Workload:
    """A deployment: how many pods of which labels and identity run what, and how they end.

    Attributes:
        replicas: how many pods start.
        settle_seconds: from a pod's deletion to its process's SIGTERM, which preStop sleeps.
        grace_seconds: from a pod's deletion to its process's end by force.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    replicas: int
    container: kubernetes.Container
    settle_seconds: int
    grace_seconds: int


@dataclass(frozen=True)
class GatewayProxy:
    """The gateway pod that a gateway chart's release brings.

    Attributes:
        takes_http10: whether it answers requests of HTTP/1.0.
        most_connections: how many it holds at a time; None for any number.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    takes_http10: bool
    most_connections: int | None


@dataclass(frozen=True)
class Mesh:
    """Every declared object that the rehearsal translates, and what it leaves out."""

    config: helm.MeshConfig
    services: tuple[kubernetes.Service, ...]
    workloads: tuple[Workload, ...]
    gateway_proxies: tuple[GatewayProxy, ...]
    virtual_services: tuple[istio.VirtualService, ...]
    destination_rules: tuple[istio.DestinationRule, ...]
    service_entries: tuple[istio.ServiceEntry, ...]
    gateways: tuple[istio.Gateway, ...]
    envoy_filters: tuple[envoy_filter.EnvoyFilter, ...]
    certificates: tuple[cert_manager.Certificate, ...]
    peer_authentications: tuple[istio.PeerAuthentication, ...]
    authorization_policies: tuple[istio.AuthorizationPolicy, ...]
    access_logging: tuple[istio.AccessLogging, ...]
    tracing: tuple[istio.Tracing, ...]
    sidecars: tuple[istio.Sidecar, ...]
    namespaces: tuple[kubernetes.Namespace, ...]
    network_policies: tuple[network.NetworkPolicy, ...]
    omissions: tuple[Omission, ...]

    @property
    def ingress(self) -> GatewayProxy:
        """The gateway that the outside asks.

        Raises:
            RefusedError: there is none, or more than one.
        """
        found = _asked_from_outside(self.gateway_proxies, self.gateways)
        if len(found) != 1:
            raise RefusedError(
                f"{len(found)} releases of the gateway chart are declared for callers from "
                "outside: the rehearsal runs exactly one ingress"
            )
        return found[0]

    @property
    def inner_gateways(self) -> tuple[GatewayProxy, ...]:
        """The gateways that are called from within the mesh alone."""
        outer = _asked_from_outside(self.gateway_proxies, self.gateways)
        return tuple(proxy for proxy in self.gateway_proxies if proxy not in outer)

    @property
    def called(self) -> tuple[Workload | GatewayProxy, ...]:
        """All whose pods a Service can lead to."""
        return (*self.workloads, *self.inner_gateways)

    def service_host(self, service: kubernetes.Service) -> str:
        """A service's name in the whole cluster."""
        return f"{service.metadata.name}.{service.metadata.namespace}.svc.{CLUSTER_DOMAIN}"


def gather(declaration: Declaration) -> Mesh:
    """Read a declaration's Kubernetes and Istio objects.

    Raises:
        RefusedError: a kind or a field isn't known to the rehearsal, or a value can't be rehearsed;
            one line each.
    """
    return _Gatherer().gather(declaration)


class _Gatherer:
    def __init__(self) -> None:
        self._objects: dict[type[Fields], list[Any]] = defaultdict(list)
        self._omissions: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._problems: list[str] = []
        self._istiod: list[helm.IstiodValues] = []
        self._proxies: list[GatewayProxy] = []

    def gather(self, declaration: Declaration) -> Mesh:
        for resource in declaration.resources:
            if resource.custom and not resource.read_id:
                try:
                    self._take(resource)
                except RefusedError as error:
                    self._problems.append(str(error))
        if not self._istiod and not self._problems:
            self._problems.append("no istiod is declared: there is no mesh to rehearse")
        self._check_injection()
        self._check_telemetry()
        services = self._services_in_mesh()
        if self._problems:
            raise RefusedError("\n".join(self._problems))
        return Mesh(
            config=self._istiod[0].mesh_config,
            services=services,
            workloads=self._workloads(),
            gateway_proxies=tuple(self._proxies),
            virtual_services=self._all(istio.VirtualService),
            destination_rules=self._all(istio.DestinationRule),
            service_entries=self._all(istio.ServiceEntry),
            gateways=self._all(istio.Gateway),
            envoy_filters=self._all(envoy_filter.EnvoyFilter),
            certificates=self._all(cert_manager.Certificate),
            peer_authentications=self._all(istio.PeerAuthentication),
            authorization_policies=self._all(istio.AuthorizationPolicy),
            access_logging=self._access_logging(),
            tracing=tuple(
                traced
                for telemetry in self._all(istio.Telemetry)
                for traced in telemetry.spec.tracing
            ),
            sidecars=self._all(istio.Sidecar),
            namespaces=self._all(kubernetes.Namespace),
            network_policies=self._all(network.NetworkPolicy),
            omissions=group(self._omissions),
        )

    def _all(self, model: type[T]) -> tuple[T, ...]:
        return tuple(self._objects[model])

    def _take(self, resource: Resource) -> None:
        package, _, type_ = resource.type.partition(":")
        if package in _LEFT_OUT_PACKAGES:
            self._leave_out(resource.type, _LEFT_OUT_PACKAGES[package], resource.name)
        elif package != "kubernetes":
            raise RefusedError(f"{resource.type} {resource.name}: not known to the rehearsal")
        elif type_ == "helm.sh/v3:Release":
            self._take_release(resource)
        elif type_ in _LEFT_OUT_KINDS:
            self._leave_out(type_.rpartition(":")[2], _LEFT_OUT_KINDS[type_], _label(resource))
        elif type_ in _MODELS:
            self._take_object(resource, _MODELS[type_], type_.rpartition(":")[2])
        else:
            raise RefusedError(f"{type_} {resource.name}: this kind is not known to the rehearsal")

    def _take_object(self, resource: Resource, model: type[Fields], kind: str) -> None:
        label = _label(resource)
        what = f"{kind} {label}"
        data = {k: v for k, v in resource.inputs.items() if k not in ("apiVersion", "kind")}
        data["metadata"] = {
            **data.get("metadata", {}),
            "name": resource.outputs["metadata"]["name"],
            "namespace": _namespace(resource),
        }
        read = model.read(data, what)
        for path, reason in read.omissions():
            self._leave_out(f"{kind}: {path}", reason, label)
        marked: list[tuple[str, Metadata]] = [("metadata", getattr(read, "metadata"))]  # noqa: B009
        if isinstance(read, kubernetes.Deployment):
            marked.append(("spec.template.metadata", read.spec.template.metadata))
        for path, metadata in marked:
            for mark, reason in read_marks(metadata, what, path):
                self._leave_out(f"{kind}: {mark}", reason, label)
        if model in _CHECKED:
            self._leave_out(kind, _CHECKED[model], label)
        self._objects[model].append(read)

    def _take_release(self, resource: Resource) -> None:
        inputs = resource.inputs
        chart = str(inputs["chart"]).rstrip("/").rpartition("/")[2]
        name, namespace = resource.outputs["name"], resource.outputs["namespace"]
        what = f"Release {namespace}/{name}"
        values: dict[str, Any] = inputs.get("values") or {}
        if chart in _LEFT_OUT_CHARTS:
            self._leave_out(f"Release of chart {chart}", _LEFT_OUT_CHARTS[chart], name)
            return
        if chart == "istiod":
            read = helm.IstiodValues.read(values, f"{what}: values")
            self._istiod.append(read)
        elif chart == "gateway":
            read = helm.GatewayValues.read(values, f"{what}: values")
            self._proxies.append(_gateway_proxy(name, namespace, read))
        else:
            raise RefusedError(f"{what}: chart {chart} is not known to the rehearsal")
        for path, reason in read.omissions():
            self._leave_out(f"Release of chart {chart}: values.{path}", reason, name)

    def _services_in_mesh(self) -> tuple[kubernetes.Service, ...]:
        """All services but the ingress's own, which is how the outside reaches it."""
        outer = _asked_from_outside(self._proxies, self._all(istio.Gateway))
        inside: list[kubernetes.Service] = []
        for service in self._all(kubernetes.Service):
            name, namespace = service.metadata.name, service.metadata.namespace
            if any(
                proxy.namespace == namespace
                and service.spec.selector.items() <= proxy.labels.items()
                for proxy in outer
            ):
                reason = "the ingress listens on a port of this machine"
                self._leave_out("Service of the ingress gateway", reason, f"{namespace}/{name}")
                continue
            if service.spec.type != "ClusterIP":
                self._problems.append(
                    f"Service {namespace}/{name}: spec.type = {service.spec.type}: only "
                    "the ingress gateway is reached from outside"
                )
            inside.append(service)
        return tuple(inside)

    def _workloads(self) -> tuple[Workload, ...]:
        scaled = {
            (scaler.metadata.namespace, scaler.spec.scale_target_ref.name): scaler.spec.min_replicas
            for scaler in self._all(kubernetes.HorizontalPodAutoscaler)
        }
        workloads: list[Workload] = []
        for deployment in self._all(kubernetes.Deployment):
            name, namespace = deployment.metadata.name, deployment.metadata.namespace
            template = deployment.spec.template
            container = template.spec.containers[0]
            own = deployment.spec.replicas
            workloads.append(
                Workload(
                    name=name,
                    namespace=namespace,
                    labels=template.metadata.labels,
                    service_account=template.spec.service_account_name,
                    replicas=own if own is not None else scaled.get((namespace, name), 1),
                    container=self._without_telemetry(container, name),
                    settle_seconds=(
                        container.lifecycle.pre_stop.sleep.seconds if container.lifecycle else 0
                    ),
                    grace_seconds=template.spec.termination_grace_period_seconds,
                )
            )
        return tuple(workloads)

    def _access_logging(self) -> tuple[istio.AccessLogging, ...]:
        return tuple(
            log for telemetry in self._all(istio.Telemetry) for log in telemetry.spec.access_logging
        )

    def _check_telemetry(self) -> None:
        for telemetry in self._all(istio.Telemetry):
            name, namespace = telemetry.metadata.name, telemetry.metadata.namespace
            if namespace != ROOT_NAMESPACE:
                self._problems.append(
                    f"Telemetry {namespace}/{name}: metadata.namespace = {namespace}: only "
                    f"{ROOT_NAMESPACE} can be rehearsed, whose Telemetry holds for every proxy"
                )

    def _without_telemetry(
        self, container: kubernetes.Container, deployment: str
    ) -> kubernetes.Container:
        kept = [each for each in container.env if not each.name.startswith(_LEFT_OUT_VARIABLES)]
        for variable in container.env:
            if variable not in kept:
                self._leave_out(f"Environment variable {variable.name}", _NO_TRACES, deployment)
        return container.model_copy(update={"env": tuple(kept)})

    def _check_injection(self) -> None:
        injected = {
            namespace.metadata.name
            for namespace in self._all(kubernetes.Namespace)
            if {"istio-injection", "istio.io/rev"} & set(namespace.metadata.labels)
        }
        for deployment in self._all(kubernetes.Deployment):
            if deployment.metadata.namespace not in injected:
                self._problems.append(
                    f"Deployment {deployment.metadata.namespace}/{deployment.metadata.name}: its "
                    "namespace isn't labelled istio-injection: enabled, so its pods get no "
                    "sidecar; the rehearsal runs each pod with one"
                )

    def _leave_out(self, what: str, reason: str, name: str) -> None:
        self._omissions[what, reason].append(name)


def _asked_from_outside(
    proxies: Sequence[GatewayProxy], gateways: Sequence[istio.Gateway]
) -> tuple[GatewayProxy, ...]:
    """The only gateway, or those that callers without an identity of the mesh may connect to."""
    if len(proxies) == 1:
        return tuple(proxies)
    return tuple(
        proxy
        for proxy in proxies
        if any(
            server.tls.mode != "ISTIO_MUTUAL"
            for gateway in gateways
            if gateway.spec.selector.items() <= proxy.labels.items()
            for server in gateway.spec.servers
        )
    )


def _gateway_proxy(release: str, namespace: str, values: helm.GatewayValues) -> GatewayProxy:
    """Names and labels as the gateway chart's _helpers.tpl makes them."""
    name = values.name or release
    account = values.service_account
    metadata = values.pod_annotations.config.proxy_metadata
    return GatewayProxy(
        name=name,
        namespace=namespace,
        labels={"app": name, "istio": name.removeprefix("istio-"), **values.labels},
        service_account=account.name or (name if account.create else "default"),
        takes_http10=bool(metadata.http10),
        most_connections=metadata.most_connections,
    )


def _namespace(resource: Resource) -> str:
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    return str(metadata.get("namespace") or "default")


def _label(resource: Resource) -> str:
    name = str(resource.outputs["metadata"]["name"])
    return name if resource.type.endswith(":Namespace") else f"{_namespace(resource)}/{name}"
