"""The objects of Kubernetes that a cluster would have of a mesh: Services, and pods by address."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.istiod.addresses import Addresses
from petmesh.istiod.objects import own_labels
from petmesh.mesh.kubernetes import Service, ServicePort
from petmesh.mesh.mesh import ROOT_NAMESPACE, Mesh

Object = dict[str, Any]
_TLS_MODE = "security.istio.io/tlsMode"


def cluster_objects(
    mesh: Mesh, topology: Topology, gateways: Iterable[GatewayPod], addresses: Addresses
) -> list[Object]:
    """Return the objects of a mesh that an API server would serve.

    Args:
        mesh: the declared objects.
        topology: the pods.
        gateways: every gateway.
        addresses: of pods and gateways.
    """
    proxies = (*topology.pods, *gateways)
    return [
        *_namespaces(mesh, proxies),
        *(_pod(each, addresses) for each in proxies),
        *(_service(service, number) for number, service in enumerate(mesh.services)),
        *(
            _endpoints(service, each, addresses)
            for service in mesh.services
            for each in (*topology.pods, *topology.gateways)
            if each.namespace == service.metadata.namespace and service.spec.selects(each.labels)
        ),
    ]


def virtual_address(number: int) -> str:
    """Return the cluster IP of a mesh's Service by its place."""
    return f"10.96.{number // 250}.{number % 250 + 1}"


def _namespaces(mesh: Mesh, proxies: Iterable[Pod | GatewayPod]) -> Iterator[Object]:
    declared = {each.metadata.name: each.metadata.labels for each in mesh.namespaces}
    used = {each.namespace for each in proxies}
    used |= {each.metadata.namespace for each in mesh.services}
    for name in sorted({*declared, *used, ROOT_NAMESPACE}):
        yield _object("v1", "Namespace", {"name": name, "labels": declared.get(name, {})}, {})


def _pod(each: Pod | GatewayPod, addresses: Addresses) -> Object:
    address = addresses.of(each.name)
    in_mesh = isinstance(each, GatewayPod) or each.in_mesh
    labels = {**own_labels(each.labels), **({_TLS_MODE: "istio"} if in_mesh else {})}
    account = each.identity.uri.rpartition("/")[2]
    ports: Mapping[str, int] = each.named_ports if isinstance(each, Pod) else {}
    container: Object = {
        "name": "app",
        "ports": [
            {"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()
        ],
    }
    return _object(
        "v1",
        "Pod",
        {"name": each.name, "namespace": each.namespace, "labels": labels},
        {"serviceAccountName": account, "containers": [container]},
    ) | {
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
    }


def _service(service: Service, number: int) -> Object:
    spec = service.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    # What an API server adds where it is left out.
    spec["ports"] = [
        {"targetPort": each["port"], "protocol": "TCP", **each} for each in spec["ports"]
    ]
    if service.spec.cluster_ip != "None":
        spec["clusterIP"] = virtual_address(number)
    spec["clusterIPs"] = [spec["clusterIP"]]
    metadata = service.metadata
    held = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "labels": metadata.labels,
        "annotations": metadata.annotations,
    }
    return _object("v1", "Service", held, spec)


def _endpoints(service: Service, each: Pod | GatewayPod, addresses: Addresses) -> Object:
    name, namespace = service.metadata.name, service.metadata.namespace
    target = {"kind": "Pod", "name": each.name, "namespace": each.namespace}
    end: Object = {
        "addresses": [addresses.of(each.name)],
        "conditions": {"ready": True, "serving": True},
        "targetRef": target,
    }
    metadata = {
        "name": f"{name}-{each.name}",
        "namespace": namespace,
        "labels": {"kubernetes.io/service-name": name},
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "resourceVersion": "1"},
        "addressType": "IPv4",
        "endpoints": [end],
        "ports": [
            {"name": port.name, "port": _target(each, port), "protocol": port.protocol}
            for port in service.spec.ports
        ],
    }


def _target(each: Pod | GatewayPod, port: ServicePort) -> int:
    if isinstance(each, Pod):
        return each.target(port)
    return port.target_port if isinstance(port.target_port, int) else port.port


def _object(version: str, kind: str, metadata: Object, spec: Object) -> Object:
    held = {**metadata, "resourceVersion": "1", "uid": f"{kind}-{metadata['name']}"}
    return {"apiVersion": version, "kind": kind, "metadata": held, "spec": spec}
