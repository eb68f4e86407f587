"""The files of one proxy: bootstrap, clusters and routes."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.access_log import logged
from petmesh.envoy.clusters import inbound_cluster, outbound_clusters
from petmesh.envoy.listeners import gateway_listener, inbound_listener, outbound_listener
from petmesh.envoy.names import Json, selects, typed
from petmesh.envoy.routes import gateway_routes, outbound_routes
from petmesh.envoy.sidecar_scope import exported_to, seen_by
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.mesh.mesh import Mesh

CLUSTER_TYPE = "envoy.config.cluster.v3.Cluster"
LISTENER_TYPE = "envoy.config.listener.v3.Listener"
# Bounds of the latency histograms in milliseconds, which Envoy records in whole ones.
LATENCY_BUCKETS = (
    *(whole + 0.5 for whole in range(10)),
    *(round(10 * 1.25**step) + 0.5 for step in range(1, 32)),
)
ROUTES_TYPE = "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True)
class ProxyFiles:
    """What one Envoy reads.

    Attributes:
        bootstrap: fixed for the life of the process.
        clusters, listeners: lists that may change while it runs.
        routes: route configurations by name, each a file of its own.
    """

    name: str
    bootstrap: Json
    clusters: tuple[Json, ...]
    listeners: tuple[Json, ...]
    routes: dict[str, Json]


def clusters_file(folder: Path) -> Path:
    """The proxy's file of clusters."""
    return folder / "cds" / "clusters.json"


def listeners_file(folder: Path) -> Path:
    """The proxy's file of listeners."""
    return folder / "lds" / "listeners.json"


def routes_file(folder: Path, name: str) -> Path:
    """The proxy's file of one route configuration."""
    return folder / "rds" / name / "routes.json"


def access_log_file(folder: Path) -> Path:
    """Where the proxy logs requests."""
    return folder / "access.log"


def sidecar_files(
    mesh: Mesh, topology: Topology, pod: Pod, folder: Path, socket: Path
) -> ProxyFiles:
    """The files of a pod's sidecar.

    Args:
        mesh: the declared objects.
        topology: where everything is.
        pod: whose sidecar.
        folder: where the proxy's files are.
        socket: where it is administered.
    """
    view = seen_by(mesh, pod.namespace, pod.labels)
    clusters = outbound_clusters(view, topology, pod.identity)
    listeners: list[Json] = []
    for service in mesh.services:
        if service.metadata.namespace != pod.namespace:
            continue
        if selects(service.spec.selector, pod.labels):
            for port in service.spec.ports:
                clusters.append(inbound_cluster(view, pod, service, port.port))
                listeners.append(inbound_listener(mesh, topology, pod, port.port))
    routes = outbound_routes(view, pod.namespace)
    listeners.append(outbound_listener(mesh, pod, routes_file(folder, routes["name"])))
    return ProxyFiles(
        pod.name,
        _bootstrap(pod.name, pod.workload, folder, socket),
        tuple(clusters),
        tuple(logged(each, mesh, access_log_file(folder)) for each in listeners),
        {routes["name"]: routes},
    )


def gateway_files(
    mesh: Mesh, topology: Topology, proxy: GatewayPod, folder: Path, socket: Path
) -> ProxyFiles:
    """The files of a gateway's proxy."""
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
        tuple(logged(each, mesh, access_log_file(folder)) for each in listeners),
        {each["name"]: each for each in routes},
    )


def discovery(type_: str, resources: list[Json] | tuple[Json, ...]) -> tuple[str, str]:
    """A file of resources as Envoy reads it, and its version, which is its content's hash."""
    held = json.dumps([typed(type_, **resource) for resource in resources], sort_keys=True)
    version = hashlib.sha256(held.encode()).hexdigest()[:16]
    return f'{{"version_info": "{version}", "resources": {held}}}', version


def _bootstrap(name: str, cluster: str, folder: Path, socket: Path) -> Json:
    return {
        "node": {"id": name, "cluster": cluster},
        "admin": {"address": {"pipe": {"path": str(socket)}}, "ignore_global_conn_limit": True},
        "dynamic_resources": {
            "cds_config": _source(clusters_file(folder)),
            "lds_config": _source(listeners_file(folder)),
        },
        # Counts and latencies are fresh whenever they are asked for.
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"prefix": "cluster.outbound"}, "buckets": list(LATENCY_BUCKETS)}
            ]
        },
    }


def _most_connections(proxy: GatewayPod) -> Json:
    """The limit as Istio's bootstrap has it: of all listeners but Envoy's own together."""
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


def _source(file: Path) -> Json:
    watched = {"path": str(file.parent)}
    return {
        "path_config_source": {"path": str(file), "watched_directory": watched},
        "resource_api_version": "V3",
    }
