"""The files of one proxy: bootstrap, clusters, listeners and routes."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.access_log import with_access_log
from petmesh.envoy.clusters import inbound_cluster, outbound_clusters
from petmesh.envoy.decisions import decisions_file, with_decisions
from petmesh.envoy.listeners import gateway_listener, inbound_listener, outbound_listener
from petmesh.envoy.names import Json, file_source, typed
from petmesh.envoy.routes import gateway_routes, outbound_routes
from petmesh.envoy.sidecar_scope import exported_to, network_alone, visible_to
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.mesh.kubernetes import Service, ServicePort
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken

CLUSTER_TYPE = "envoy.config.cluster.v3.Cluster"
LISTENER_TYPE = "envoy.config.listener.v3.Listener"
# Bounds of the latency histograms; Envoy records whole milliseconds.
LATENCY_BUCKETS = (
    *(whole + 0.5 for whole in range(10)),
    *(round(10 * 1.25**step) + 0.5 for step in range(1, 32)),
)
ROUTES_TYPE = "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True)
class ProxyFiles:
    """The configuration of one Envoy.

    Attributes:
        bootstrap: fixed for the life of the process.
        clusters, listeners: may change while it runs.
        routes: route configurations by name, each in a file of its own.
    """

    name: str
    bootstrap: Json
    clusters: tuple[Json, ...]
    listeners: tuple[Json, ...]
    routes: dict[str, Json]


def clusters_file(folder: Path) -> Path:
    """Return the path of a proxy's clusters."""
    return folder / "cds" / "clusters.json"


def listeners_file(folder: Path) -> Path:
    """Return the path of a proxy's listeners."""
    return folder / "lds" / "listeners.json"


def routes_file(folder: Path, name: str) -> Path:
    """Return the path of one route configuration of a proxy."""
    return folder / "rds" / name / "routes.json"


def access_log_file(folder: Path) -> Path:
    """Return the path of a proxy's access log."""
    return folder / "access.log"


def sidecar_files(
    mesh: Mesh, topology: Topology, pod: Pod, folder: Path, socket: Path
) -> ProxyFiles:
    """Return the configuration of a pod's sidecar.

    Args:
        mesh: the declared objects.
        topology: the addresses of pods, gateways and outside hosts.
        pod: the sidecar's pod.
        folder: for the proxy's files.
        socket: of its administration interface.
    """
    if not pod.in_mesh:
        mesh = network_alone(mesh)
    view = visible_to(mesh, pod.namespace, pod.labels)
    clusters = outbound_clusters(view, topology, pod.identity)
    listeners: list[Json] = []
    for target, (service, port) in served_ports(mesh, pod).items():
        clusters.append(inbound_cluster(view, pod, service, port, target))
        listeners.append(inbound_listener(mesh, topology, pod, target))
    routes = outbound_routes(view, pod.namespace)
    listeners.append(outbound_listener(mesh, pod, routes_file(folder, routes["name"])))
    return ProxyFiles(
        pod.name,
        _bootstrap(pod.name, pod.workload, folder, socket),
        tuple(clusters),
        _logging(listeners, mesh, topology, folder),
        {routes["name"]: routes},
    )


def gateway_files(
    mesh: Mesh, topology: Topology, proxy: GatewayPod, folder: Path, socket: Path
) -> ProxyFiles:
    """Return the configuration of a gateway's proxy; the arguments are those of a sidecar."""
    view = exported_to(mesh, proxy.namespace)
    routes = [gateway_routes(view, proxy, port) for port in proxy.ports]
    listeners = [
        gateway_listener(view, topology, proxy, port, routes_file(folder, f"http.{port}"))
        for port in proxy.ports
    ]
    return ProxyFiles(
        proxy.name,
        _bootstrap(proxy.name, proxy.name, folder, socket) | _most_connections(proxy),
        tuple(outbound_clusters(view, topology, proxy.identity)),
        _logging(listeners, mesh, topology, folder),
        {each["name"]: each for each in routes},
    )


def _logging(
    listeners: list[Json], mesh: Mesh, topology: Topology, folder: Path
) -> tuple[Json, ...]:
    logging = [with_access_log(each, mesh, access_log_file(folder)) for each in listeners]
    if topology.logs_decisions:
        logging = [with_decisions(each, decisions_file(folder)) for each in logging]
    return tuple(logging)


def served_ports(mesh: Mesh, pod: Pod) -> dict[int, tuple[Service, ServicePort]]:
    """Return the ports of a pod's container that Services name, with the first that does."""
    served: dict[int, tuple[Service, ServicePort]] = {}
    for service in mesh.services:
        if service.metadata.namespace == pod.namespace and service.spec.selects(pod.labels):
            for port in service.spec.ports:
                if spoken(port) != "UDP":
                    served.setdefault(pod.target(port), (service, port))
    return served


def discovery(type_: str, resources: list[Json] | tuple[Json, ...]) -> tuple[str, str]:
    """Return the content of a file of resources, and its version: a hash of the content."""
    held = json.dumps([typed(type_, **resource) for resource in resources], sort_keys=True)
    version = hashlib.sha256(held.encode()).hexdigest()[:16]
    return f'{{"version_info": "{version}", "resources": {held}}}', version


def _bootstrap(name: str, cluster: str, folder: Path, socket: Path) -> Json:
    return {
        "node": {"id": name, "cluster": cluster},
        "admin": {"address": {"pipe": {"path": str(socket)}}, "ignore_global_conn_limit": True},
        "dynamic_resources": {
            "cds_config": file_source(clusters_file(folder)),
            "lds_config": file_source(listeners_file(folder)),
        },
        # Every request for statistics gets current counts and latencies.
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"prefix": "cluster.outbound"}, "buckets": list(LATENCY_BUCKETS)}
            ]
        },
    }


def _most_connections(proxy: GatewayPod) -> Json:
    """Return Istio's limit of connections: for all listeners but the administration's together."""
    if proxy.most_connections is None:
        return {}
    monitor = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": typed(
            "envoy.extensions.resource_monitors.downstream_connections.v3"
            ".DownstreamConnectionsConfig",
            max_active_downstream_connections=proxy.most_connections,
        ),
    }
    return {"overload_manager": {"resource_monitors": [monitor]}}
