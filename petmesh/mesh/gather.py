"""Creates a Mesh from a declaration's Kubernetes and Istio objects, and lists its omissions."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeVar

from petmesh.mesh import assumed, cert_manager, envoy_filter, helm, kubernetes, network_policy
from petmesh.mesh.fields import Fields, Metadata, RefusedError, group, mapping, read_marks
from petmesh.mesh.gateway_api import backend_tls, convert
from petmesh.mesh.gateway_api.gateway_models import Gateway as ApiGateway
from petmesh.mesh.gateway_api.listeners import istio_gateway
from petmesh.mesh.istio import RELEASE, minor
from petmesh.mesh.istio.destination_rule import DestinationRule
from petmesh.mesh.istio.networking import Gateway, ServiceEntry, Sidecar, WorkloadEntry
from petmesh.mesh.istio.security import (
    AuthorizationPolicy,
    PeerAuthentication,
    RequestAuthentication,
)
from petmesh.mesh.istio.telemetry import Telemetry
from petmesh.mesh.istio.virtual_service import VirtualService
from petmesh.mesh.known_kinds import (
    CHECKED,
    GATEWAY_API,
    LEFT_OUT_CHARTS,
    LEFT_OUT_KINDS,
    LEFT_OUT_PACKAGES,
    LEFT_OUT_VARIABLES,
    MODELS,
    NO_TRACES,
    OTHER_CONTROLLER,
    STEERING_GROUPS,
)
from petmesh.mesh.mesh import GatewayProxy, Mesh, Workload, public_gateways
from petmesh.mesh.reading import check_schema, read_object, without_effect
from petmesh.mesh.resources import (
    gateway_proxy,
    is_injected,
    label_of,
    namespace_of,
    parents_of,
    workload_of,
)
from petmesh.mesh.unapplied import unapplied
from petmesh.program.declaration import Declaration, Resource

T = TypeVar("T", bound=Fields)
_ASSUMED = "the input doesn't declare it: it is as Istio installs it"
_CLOSED = "ALLOW_ANY: here a call to a host that no object declares gets 502 in either mode"
_NO_NAMES = "no name is resolved here"
_ONE_CONTAINER = "a pod is one process here: its first container's"
_NO_SIDECAR = "its pods get no sidecar: they call and are called in plain HTTP"


def gather(declaration: Declaration, *, assume: bool = False, lenient: bool = False) -> Mesh:
    """Create the mesh that a declaration declares.

    Args:
        declaration: the declared resources.
        assume: whether istiod, gateways and labels of namespaces that aren't declared are assumed
            as Istio installs them; each assumption is listed among the omissions.
        lenient: whether unknown fields, kinds and values are listed among the omissions.

    Raises:
        RefusedError: the rehearsal doesn't know a kind or a field, or can't rehearse a value; one
            line each.
    """
    return _Gatherer(assume=assume, lenient=lenient).gather(declaration)


class _Gatherer:
    def __init__(self, *, assume: bool, lenient: bool) -> None:
        self._assume = assume
        self._lenient = lenient
        self._objects: dict[type[Fields], list[Any]] = defaultdict(list)
        self._omissions: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._problems: list[str] = []
        self._istiod: list[helm.IstiodValues] = []
        self._proxies: list[GatewayProxy] = []
        self._others_gateways: set[str] = set()
        self._authorities: dict[str, str] = {}

    def gather(self, declaration: Declaration) -> Mesh:
        declared = [
            resource
            for stack in (*declaration.referenced, declaration)
            for resource in stack.resources
        ]
        # Gateways come before the routes that are attached to them.
        ordered = sorted(declared, key=lambda each: not each.type.endswith(":Gateway"))
        for resource in ordered:
            if resource.custom and not resource.read_id:
                try:
                    self._take(resource)
                except RefusedError as error:
                    self._refuse(str(error))
        self._convert_gateway_api()
        if self._assume:
            self._assume_mesh(declared)
        if not self._istiod and not self._problems:
            self._problems.append("no istiod is declared: there is no mesh to rehearse")
        self._check_injection()
        for what, reason, label in unapplied(
            self._all(Telemetry), self._all(AuthorizationPolicy), self._all(RequestAuthentication)
        ):
            self._leave_out(what, reason, label)
        self._check_sidecars()
        services = tuple(sorted(self._services_in_mesh(), key=_order))
        if self._problems:
            raise RefusedError("\n".join(self._problems))
        return Mesh(
            config=self._istiod[0].mesh_config,
            services=services,
            workloads=self._workloads(),
            gateway_proxies=tuple(self._proxies),
            virtual_services=self._sorted(VirtualService),
            destination_rules=self._sorted(DestinationRule),
            service_entries=self._sorted(ServiceEntry),
            workload_entries=self._sorted(WorkloadEntry),
            gateways=self._all(Gateway),
            envoy_filters=self._all(envoy_filter.EnvoyFilter),
            certificates=self._all(cert_manager.Certificate),
            peer_authentications=self._sorted(PeerAuthentication),
            request_authentications=self._sorted(RequestAuthentication),
            authorization_policies=tuple(
                each for each in self._sorted(AuthorizationPolicy) if each.is_enforced
            ),
            telemetries=self._sorted(Telemetry),
            sidecars=self._sorted(Sidecar),
            namespaces=self._all(kubernetes.Namespace),
            network_policies=self._all(network_policy.NetworkPolicy),
            authorities=self._authorities,
            omissions=group(self._omissions),
        )

    def _all(self, model: type[T]) -> tuple[T, ...]:
        return tuple(self._objects[model])

    def _sorted(self, model: type[T]) -> tuple[T, ...]:
        """Return the objects of a kind in istiod's order: the older first.

        `sortConfigByCreationTime` in pilot/pkg/model/config.go.
        """
        return tuple(sorted(self._objects[model], key=_order))

    def _take(self, resource: Resource) -> None:
        package, _, type_ = resource.type.partition(":")
        if package in LEFT_OUT_PACKAGES:
            self._leave_out(resource.type, LEFT_OUT_PACKAGES[package], resource.name)
        elif package != "kubernetes":
            raise RefusedError(f"{resource.type} {resource.name}: not known to the rehearsal")
        elif type_ == "helm.sh/v3:Release":
            self._take_release(resource)
        elif type_ == "core/v1:ConfigMap" and (held := backend_tls.authority_of(resource.inputs)):
            self._authorities[label_of(resource)] = held
        elif type_ in LEFT_OUT_KINDS:
            self._leave_out(type_.rpartition(":")[2], LEFT_OUT_KINDS[type_], label_of(resource))
        elif type_ in GATEWAY_API:
            self._take_gateway_api(resource, GATEWAY_API[type_], type_.rpartition(":")[2])
        elif self._assume and (reason := assumed.why_absent(resource)):
            self._leave_out(type_.rpartition(":")[2], reason, label_of(resource))
        elif type_ in MODELS:
            self._take_object(resource, MODELS[type_], type_.rpartition(":")[2])
        elif self._assume and not type_.partition("/")[0].endswith(STEERING_GROUPS):
            self._leave_out(type_, "it steers no request that the rehearsal knows", resource.name)
        else:
            raise RefusedError(f"{type_} {resource.name}: this kind is not known to the rehearsal")

    def _take_gateway_api(self, resource: Resource, model: type[Fields], kind: str) -> None:
        """Take an object of the Gateway API, unless other controllers are to serve it."""
        spec = mapping(resource.inputs.get("spec"))
        if model is ApiGateway and spec.get("gatewayClassName") != convert.CLASS:
            self._others_gateways.add(
                f"{namespace_of(resource)}/{resource.outputs['metadata']['name']}"
            )
            self._leave_out(kind, OTHER_CONTROLLER, label_of(resource))
            return
        parents = parents_of(resource)
        if parents and parents <= self._others_gateways:
            self._leave_out(kind, OTHER_CONTROLLER, label_of(resource))
            return
        self._take_object(resource, model, kind)

    def _convert_gateway_api(self) -> None:
        declared = convert.Declared.of(self._all)
        for kind, label, reason in declared.left_out:
            self._leave_out(kind, reason, label)
        for each in declared.listeners:
            try:
                self._objects[Gateway].append(istio_gateway(each, declared.namespaces))
            except RefusedError as error:
                self._refuse(str(error))
        self._proxies += convert.gateway_proxies(declared)
        self._objects[VirtualService] += convert.routes(declared)
        backends = backend_tls.Backends(
            self._all(kubernetes.Service), self._all(ServiceEntry), self._authorities
        )
        policies = backend_tls.convert(self._all(backend_tls.BackendTlsPolicy), backends)
        self._objects[DestinationRule] += policies.rules
        for what, reason, label in policies.left_out:
            self._leave_out(what, reason, label)

    def _refuse(self, problem: str) -> None:
        if not self._lenient:
            self._problems.append(problem)
            return
        for line in problem.splitlines():
            self._leave_out(f"Refused: {line}", "--lenient: the whole object is left out", "")

    def _assume_mesh(self, declared: Sequence[Resource]) -> None:
        try:
            given = assumed.mesh_config(declared)
            if not self._istiod:
                config, is_open = assumed.read_mesh_config(given or {})
                self._istiod.append(helm.IstiodValues(mesh_config=config))
                if given is None:
                    self._leave_out("Assumed: istiod with the default MeshConfig", _ASSUMED, "")
                if is_open:
                    self._leave_out("MeshConfig: outboundTrafficPolicy.mode", _CLOSED, "")
        except RefusedError as error:
            self._problems.append(str(error))
        deployments = self._objects.pop(kubernetes.Deployment, [])
        for each in deployments:
            if proxy := assumed.gateway_deployment(each):
                self._proxies.append(proxy)
            else:
                self._objects[kubernetes.Deployment].append(each)
        for proxy in assumed.missing_gateways(self._all(Gateway), self._proxies):
            self._proxies.append(proxy)
            self._leave_out("Assumed: a gateway's pod", _ASSUMED, f"{proxy.namespace}/{proxy.name}")

    def _take_object(self, resource: Resource, model: type[Fields], kind: str) -> None:
        label = label_of(resource)
        what = f"{kind} {label}"
        try:
            read, dropped = read_object(resource, model, what, lenient=self._lenient)
        except RefusedError as error:
            if not self._assume or model is not envoy_filter.EnvoyFilter:
                raise
            check_schema(resource, kind, what)
            self._leave_out(kind, without_effect(error, what), label)
            return
        for path in dropped:
            self._leave_out(f"{kind}: {path}", "--lenient: not known to the rehearsal", label)
        check_schema(resource, kind, what)
        if isinstance(read, kubernetes.BarePod):
            read = kubernetes.Deployment(
                metadata=read.metadata,
                spec=kubernetes.DeploymentSpec(
                    template=kubernetes.PodTemplateSpec(metadata=read.metadata, spec=read.spec),
                    replicas=1,
                ),
            )
            model = kubernetes.Deployment
        for path, reason in read.omissions():
            self._leave_out(f"{kind}: {path}", reason, label)
        marked: list[tuple[str, Metadata]] = [("metadata", getattr(read, "metadata"))]  # noqa: B009
        if isinstance(read, kubernetes.Deployment):
            marked.append(("spec.template.metadata", read.spec.template.metadata))
        for path, metadata in marked:
            for mark, reason in read_marks(metadata, what, path):
                self._leave_out(f"{kind}: {mark}", reason, label)
        if model in CHECKED:
            self._leave_out(kind, CHECKED[model], label)
        self._objects[model].append(read)

    def _take_release(self, resource: Resource) -> None:
        inputs = resource.inputs
        chart = str(inputs["chart"]).rstrip("/").rpartition("/")[2]
        name, namespace = resource.outputs["name"], resource.outputs["namespace"]
        what = f"Release {namespace}/{name}"
        values: dict[str, Any] = inputs.get("values") or {}
        if chart in LEFT_OUT_CHARTS:
            self._leave_out(f"Release of chart {chart}", LEFT_OUT_CHARTS[chart], name)
            return
        if chart == "istiod":
            self._compare_release(inputs.get("version"), f"{namespace}/{name}")
            read = helm.IstiodValues.read(values, f"{what}: values")
            if any(each.mesh_config != read.mesh_config for each in self._istiod):
                raise RefusedError(
                    f"{what}: values: meshConfig: must be that of the other istiod: the rehearsal "
                    "has one for all namespaces"
                )
            self._istiod.append(read)
        elif chart == "gateway":
            read = helm.GatewayValues.read(values, f"{what}: values")
            self._proxies.append(gateway_proxy(name, namespace, read))
        else:
            raise RefusedError(f"{what}: chart {chart} is not known to the rehearsal")
        for path, reason in read.omissions():
            self._leave_out(f"Release of chart {chart}: values.{path}", reason, name)

    def _compare_release(self, version: object, label: str) -> None:
        """List a control plane whose minor version isn't the one that is translated."""
        if isinstance(version, str) and minor(version) != minor(RELEASE):
            reason = f"the translation is that of Istio {minor(RELEASE)}: a field may mean another"
            self._leave_out(f"Release of chart istiod: version {version}", reason, label)

    def _services_in_mesh(self) -> tuple[kubernetes.Service, ...]:
        """Return every Service but the ingress gateway's, which only outside callers use."""
        outer = public_gateways(self._proxies, self._all(Gateway))
        inside: list[kubernetes.Service] = []
        for service in self._all(kubernetes.Service):
            name, namespace = service.metadata.name, service.metadata.namespace
            if any(
                proxy.namespace == namespace and service.spec.selects(proxy.labels)
                for proxy in outer
            ):
                reason = "the ingress listens on a port of this machine"
                self._leave_out("Service of the ingress gateway", reason, f"{namespace}/{name}")
                continue
            if service.spec.type == "ExternalName":
                self._leave_out("Service of an ExternalName", _NO_NAMES, f"{namespace}/{name}")
                continue
            if service.spec.type != "ClusterIP" and not self._assume:
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
            container, *others = template.spec.containers
            for other in others:
                label = f"{namespace}/{name} {other.name}"
                self._leave_out("Container beside the first", _ONE_CONTAINER, label)
            least = scaled.get((namespace, name), 1)
            held = self._without_telemetry(container, name)
            workloads.append(
                workload_of(deployment, held, least, in_mesh=self._has_sidecar(deployment))
            )
        return tuple(workloads)

    def _check_sidecars(self) -> None:
        for each in self._all(Sidecar):
            policy = each.spec.outbound_traffic_policy
            if policy is None or policy.mode == "REGISTRY_ONLY":
                continue
            label = f"{each.metadata.namespace}/{each.metadata.name}"
            if self._assume:
                self._leave_out("Sidecar: spec.outboundTrafficPolicy.mode", _CLOSED, label)
            else:
                self._problems.append(
                    f"Sidecar {label}: spec.outboundTrafficPolicy.mode = {policy.mode}: only "
                    "REGISTRY_ONLY can be rehearsed: nothing here may reach the outside"
                )

    def _without_telemetry(
        self, container: kubernetes.Container, deployment: str
    ) -> kubernetes.Container:
        kept = [each for each in container.env if not each.name.startswith(LEFT_OUT_VARIABLES)]
        for variable in container.env:
            if variable not in kept:
                self._leave_out(f"Environment variable {variable.name}", NO_TRACES, deployment)
        return container.model_copy(update={"env": tuple(kept)})

    def _check_injection(self) -> None:
        for deployment in self._all(kubernetes.Deployment):
            if self._has_sidecar(deployment):
                continue
            label = f"{deployment.metadata.namespace}/{deployment.metadata.name}"
            if self._assume:
                self._leave_out("Workload outside of the mesh", _NO_SIDECAR, label)
            else:
                self._problems.append(
                    f"Deployment {label}: its "
                    "namespace isn't labelled istio-injection: enabled, so its pods get no "
                    "sidecar; the rehearsal runs each pod with one"
                )

    def _has_sidecar(self, deployment: kubernetes.Deployment) -> bool:
        return is_injected(deployment, self._all(kubernetes.Namespace), by_default=self._assume)

    def _leave_out(self, what: str, reason: str, name: str) -> None:
        self._omissions[what, reason].append(name)


def _order(each: Any) -> tuple[str, str, str]:  # noqa: ANN401 (any kind of object)
    metadata: Metadata = each.metadata
    return metadata.order
