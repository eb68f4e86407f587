"""A proxy's side of istiod's discovery service (ADS): who it is, and what it asks for.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#aggregated-discovery-service
"""

import http
import json
import queue
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, struct_pb2

from petmesh.istiod.messages import declared_names

Json = dict[str, Any]
_METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_PREFIX: Final = "type.googleapis.com/"
CLUSTERS: Final = f"{_PREFIX}envoy.config.cluster.v3.Cluster"
ENDPOINTS: Final = f"{_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENERS: Final = f"{_PREFIX}envoy.config.listener.v3.Listener"
ROUTES: Final = f"{_PREFIX}envoy.config.route.v3.RouteConfiguration"
_SECONDS: Final = 20.0


class AdsError(Exception):
    """istiod didn't answer; the text says what."""


@dataclass(frozen=True)
class Node:
    """A proxy as istiod knows it.

    Attributes:
        name: of its pod.
        address: of its pod.
        is_gateway: whether it is no sidecar.
        metadata: further fields of Istio's node metadata.
    """

    name: str
    namespace: str
    address: str
    labels: Mapping[str, str]
    service_account: str
    is_gateway: bool = False
    metadata: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The proxy's name in istiod."""
        kind = "router" if self.is_gateway else "sidecar"
        domain = f"{self.namespace}.svc.cluster.local"
        return f"{kind}~{self.address}~{self.debug_id}~{domain}"

    @property
    def debug_id(self) -> str:
        """The proxy's name at istiod's debugging endpoint."""
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True)
class Sent:
    """What istiod sends a proxy, as JSON with the names of fields as they are declared.

    Attributes:
        routes: route configurations by name.
        endpoints: load assignments by cluster.
    """

    clusters: tuple[Json, ...]
    listeners: tuple[Json, ...]
    routes: Mapping[str, Json]
    endpoints: Mapping[str, Json]


def ask(grpc_port: int, http_port: int, node: Node, release: str) -> Sent:
    """Return what istiod sends a proxy.

    The messages come as JSON from istiod's debugging endpoint, so that no client of Envoy's API is
    needed here to read them.

    Args:
        grpc_port: of istiod's discovery service on loopback.
        http_port: of its debugging endpoint.
        node: the proxy.
        release: the proxy's release of Istio.

    Raises:
        AdsError: it doesn't answer, or not in time.
    """
    stream = _Stream(grpc_port, node, release)
    try:
        clusters = stream.ask(CLUSTERS)
        stream.ask(LISTENERS)
        dump = _dump(http_port, node.debug_id)
        names = sorted(set(route_names(dump[LISTENERS])))
        if names:
            stream.ask(ROUTES, names)
        if clusters:
            found = [each["name"] for each in dump[CLUSTERS] if each.get("type") == "EDS"]
            if found:
                stream.ask(ENDPOINTS, found)
        dump = _dump(http_port, node.debug_id)
    finally:
        stream.close()
    return Sent(
        tuple(dump[CLUSTERS]),
        tuple(dump[LISTENERS]),
        {each["name"]: each for each in dump[ROUTES]},
        {each["cluster_name"]: each for each in dump[ENDPOINTS]},
    )


def is_ready(http_port: int) -> bool:
    """Return whether istiod serves its objects."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/ready", timeout=2) as response:
            return bool(response.status == http.HTTPStatus.OK)
    except OSError:
        return False


def route_names(held: object) -> Iterator[str]:
    """Yield the name of each route configuration that a message asks for."""
    if isinstance(held, dict):
        message = cast("Json", held)
        if "route_config_name" in message:
            yield str(message["route_config_name"])
        for each in message.values():
            yield from route_names(each)
    elif isinstance(held, list):
        for each in cast("list[object]", held):
            yield from route_names(each)


def _dump(http_port: int, proxy: str) -> dict[str, list[Json]]:
    query = urllib.parse.urlencode({"proxyID": proxy, "include_eds": ""})
    url = f"http://127.0.0.1:{http_port}/debug/config_dump?{query}"
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:
            held: Json = json.load(response)
    except (OSError, ValueError) as error:
        raise AdsError(f"{url}: {error}") from error
    found: dict[str, list[Json]] = {CLUSTERS: [], LISTENERS: [], ROUTES: [], ENDPOINTS: []}
    for config in map(declared_names, held["configs"]):
        for each in config.get("dynamic_active_clusters", ()):
            found[CLUSTERS].append(each["cluster"])
        for each in config.get("dynamic_listeners", ()):
            found[LISTENERS].append(each["active_state"]["listener"])
        for each in config.get("dynamic_route_configs", ()):
            found[ROUTES].append(each["route_config"])
        for each in config.get("dynamic_endpoint_configs", ()):
            found[ENDPOINTS].append(each["endpoint_config"])
    return found


class _Stream:
    """A stream of requests and responses."""

    def __init__(self, port: int, node: Node, release: str) -> None:
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)]
        )
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        channel: Any = self._channel
        call = channel.stream_stream(_METHOD, request_serializer=None, response_deserializer=None)
        # istiod says that it is ready a moment before it listens for these.
        self._responses: Iterator[bytes] = call(
            iter(self._requests.get, None), timeout=_SECONDS, wait_for_ready=True
        )
        self._node = _node(node, release)

    def ask(self, type_: str, names: list[str] | None = None) -> int:
        """Ask for resources, all or by name, and return how many there are."""
        request = _DiscoveryRequest(type_url=type_, resource_names=names or (), node=self._node)
        self._requests.put(request.SerializeToString())
        try:
            for held in self._responses:
                response = _DiscoveryResponse.FromString(held)
                self._requests.put(
                    _DiscoveryRequest(
                        type_url=response.type_url,
                        version_info=response.version_info,
                        response_nonce=response.nonce,
                        resource_names=names or () if response.type_url == type_ else (),
                    ).SerializeToString()
                )
                if response.type_url == type_:
                    return len(response.resources)
        except grpc.RpcError as error:
            failed: Any = error
            raise AdsError(f"istiod: {failed.details()}") from error
        raise AdsError("istiod ended the stream")

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)
        self._channel.close()


def _node(node: Node, release: str) -> Any:  # noqa: ANN401 (a message made below)
    metadata = struct_pb2.Struct()
    metadata.update(
        {
            "NAME": node.name,
            "NAMESPACE": node.namespace,
            "LABELS": dict(node.labels),
            "SERVICE_ACCOUNT": node.service_account,
            "INSTANCE_IPS": node.address,
            "ISTIO_VERSION": release,
            "CLUSTER_ID": "Kubernetes",
            **(node.metadata or {}),
        }
    )
    return _Node(id=node.id, cluster=node.name, metadata=metadata)


def _messages() -> tuple[Any, Any, Any]:
    """Return the three messages of the protocol, with the fields that are used."""
    file = descriptor_pb2.FileDescriptorProto(
        name="petmesh/ads.proto",
        package="petmesh.ads",
        syntax="proto3",
        dependency=[struct_pb2.DESCRIPTOR.name, any_pb2.DESCRIPTOR.name],
    )
    text, held = "TYPE_STRING", "TYPE_MESSAGE"
    messages = {
        "Node": (("id", 1, text), ("cluster", 2, text), ("metadata", 3, ".google.protobuf.Struct")),
        "DiscoveryRequest": (
            ("version_info", 1, text),
            ("node", 2, ".petmesh.ads.Node"),
            ("resource_names", 3, text),
            ("type_url", 4, text),
            ("response_nonce", 5, text),
        ),
        "DiscoveryResponse": (
            ("version_info", 1, text),
            ("resources", 2, ".google.protobuf.Any"),
            ("type_url", 4, text),
            ("nonce", 5, text),
        ),
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            many = "LABEL_REPEATED" if field.startswith("resource") else "LABEL_OPTIONAL"
            message.field.add(
                name=field,
                number=number,
                label=many,
                type=kind if kind == text else held,
                type_name=None if kind == text else kind,
            )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    node, request, response = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"petmesh.ads.{name}"))
        for name in messages
    )
    return node, request, response


_Node, _DiscoveryRequest, _DiscoveryResponse = _messages()
