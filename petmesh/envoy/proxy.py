"""The files of one proxy: bootstrap, clusters, listeners and routes."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.access_log import with_access_log
from petmesh.envoy.callers import gateway, sidecar
from petmesh.envoy.clusters import Served, inbound_cluster, outbound_clusters
from petmesh.envoy.decisions import decisions_file, with_decisions
from petmesh.envoy.gateway_listeners import gateway_port
from petmesh.envoy.listeners import inbound_listener, outbound_listener
from petmesh.envoy.names import Json, file_source, selects, typed
from petmesh.envoy.routes import outbound_routes
from petmesh.envoy.sidecar_scope import exported_to, network_alone, visible_to, with_telemetry
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import is_detected, speaks_grpc, spoken

CLUSTER_TYPE = "envoy.config.cluster.v3.Cluster"
LISTENER_TYPE = "envoy.config.listener.v3.Listener"
# Bounds of the latency histograms; Envoy records whole milliseconds.
LATENCY_BUCKETS = (
    *(whole + 0.5 for whole in range(10)),
    *(round(10 * 1.25**step) + 0.5 for step in range(1, 32)),
)
# Envoy's defaults that Istio's bootstrap changes: regular expressions of any length, and paths with
# a fragment, which is cut off.
# https://github.com/istio/istio/blob/master/pkg/bootstrap/config.go
_RUNTIME = {
    "re2.max_program_size.error_level": 32768,
    "envoy.reloadable_features.http_reject_path_with_fragment": False,
}
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
    mesh = with_telemetry(mesh, pod.namespace, pod.labels)
    view = visible_to(mesh, pod.namespace, pod.labels)
    caller = sidecar(pod)
    clusters = outbound_clusters(view, topology, caller, pod.identity)
    listeners: list[Json] = []
    for target, served in served_ports(mesh, pod).items():
        clusters.append(inbound_cluster(view, pod, served, target))
        listeners.append(inbound_listener(mesh, topology, pod, target, served))
    routes = outbound_routes(view, caller)
    listeners.append(outbound_listener(mesh, pod, routes_file(folder, routes["name"])))
    return ProxyFiles(
        pod.name,
        bootstrap(pod.name, pod.workload, folder, socket),
        tuple(clusters),
        logging(listeners, mesh, topology, folder),
        {routes["name"]: routes},
    )


def gateway_files(
    mesh: Mesh, topology: Topology, proxy: GatewayPod, folder: Path, socket: Path
) -> ProxyFiles:
    """Return the configuration of a gateway's proxy; the arguments are those of a sidecar."""
    mesh = with_telemetry(mesh, proxy.namespace, proxy.labels)
    view = exported_to(mesh, proxy.namespace)
    opened = [
        gateway_port(view, topology, proxy, port, lambda name: routes_file(folder, name))
        for port in proxy.ports
    ]
    # A port of connections that no route names isn't opened.
    listeners = [made for made, _ in opened if made["filter_chains"]]
    routes = [each for _, several in opened for each in several]
    return ProxyFiles(
        proxy.name,
        bootstrap(proxy.name, proxy.name, folder, socket) | most_connections(proxy),
        tuple(outbound_clusters(view, topology, gateway(mesh, proxy), proxy.identity)),
        logging(listeners, mesh, topology, folder),
        {each["name"]: each for each in routes},
    )


def logging(
    listeners: list[Json], mesh: Mesh, topology: Topology, folder: Path
) -> tuple[Json, ...]:
    """Return listeners with the mesh's access logs, and those of decisions where they are kept."""
    logging = [with_access_log(each, mesh, access_log_file(folder)) for each in listeners]
    if topology.logs_decisions:
        logging = [with_decisions(each, decisions_file(folder)) for each in logging]
    return tuple(logging)


def served_ports(mesh: Mesh, pod: Pod) -> dict[int, Served]:
    """Return the ports of a pod's container that hosts lead to, with the first that does."""
    served: dict[int, Served] = {}
    for service in mesh.services:
        if service.metadata.namespace == pod.namespace and service.spec.selects(pod.labels):
            for port in service.spec.ports:
                speaks = spoken(port)
                if speaks != "UDP":
                    host = mesh.service_host(service)
                    found = Served(host, port.port, speaks, speaks_grpc(port), is_detected(port))
                    served.setdefault(pod.target(port), found)
    for entry in mesh.service_entries:
        selector = entry.spec.workload_selector
        own = entry.metadata.namespace == pod.namespace
        if selector and own and selects(selector.labels, pod.labels):
            for port in entry.spec.ports:
                target = port.target_port or port.number
                grpc = port.protocol.upper().startswith("GRPC")
                found = Served(entry.spec.hosts[0], port.number, port.spoken, grpc)
                served.setdefault(target, found)
    return served


def discovery(type_: str, resources: list[Json] | tuple[Json, ...]) -> tuple[str, str]:
    """Return the content of a file of resources, and its version: a hash of the content."""
    held = json.dumps([typed(type_, **resource) for resource in resources], sort_keys=True)
    version = hashlib.sha256(held.encode()).hexdigest()[:16]
    return f'{{"version_info": "{version}", "resources": {held}}}', version


def bootstrap(name: str, cluster: str, folder: Path, socket: Path) -> Json:
    """Return what an Envoy starts with: where its files are, and Istio's runtime.

    Args:
        name: the pod or gateway.
        cluster: its workload.
        folder: of its files.
        socket: of its administration interface.
    """
    return {
        "node": {"id": name, "cluster": cluster},
        "admin": {"address": {"pipe": {"path": str(socket)}}, "ignore_global_conn_limit": True},
        "dynamic_resources": {
            "cds_config": file_source(clusters_file(folder)),
            "lds_config": file_source(listeners_file(folder)),
        },
        "layered_runtime": {"layers": [{"name": "istio", "static_layer": _RUNTIME}]},
        # Every request for statistics gets current counts and latencies.
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"prefix": "cluster.outbound"}, "buckets": list(LATENCY_BUCKETS)}
            ]
        },
    }


def most_connections(proxy: GatewayPod) -> Json:
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
