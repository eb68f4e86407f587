"""Where on this machine a pod, a gateway or an outside host is that istiod knows by an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from petmesh.envoy.clusters import speaks_tls
from petmesh.envoy.names import Json, cluster_parts
from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology
from petmesh.host.ports import LOOPBACK
from petmesh.istiod.addresses import Addresses
from petmesh.mesh.istio.destination_rule import CONFIG_MAP, INVALID


@dataclass(frozen=True)
class Places:
    """The ports and certificates of this machine in the place of a cluster's.

    Attributes:
        topology: the ports and certificates.
        addresses: that istiod knows pods and gateways by.
        gateways: every gateway.
    """

    topology: Topology
    addresses: Addresses
    gateways: tuple[GatewayPod, ...]

    def cluster(self, cluster: Json, ends: list[Json], own: Pod | None) -> Json | None:
        """Return a cluster whose endpoints are on this machine; None if it is of none here.

        Args:
            cluster: as istiod sent it.
            ends: its endpoints.
            own: the pod whose process inbound clusters lead to; None for a gateway.
        """
        name = str(cluster["name"])
        if name.startswith("inbound|") and own:
            here = [_end(own.process_port(int(name.split("|")[1])), {})]
        elif name.startswith("outbound"):
            found = [(self._port(each, name), each) for each in ends]
            here = [_end(port, each) for port, each in found if port is not None]
            if cluster.get("type") == "ORIGINAL_DST":
                # The address that a caller looked up is none of this machine's.
                host, port, _ = cluster_parts(name)
                stub = self._stubs(int(port)).get(host)
                here = [_end(stub, {})] if stub is not None else []
        else:
            return None
        kept = {
            key: value
            for key, value in cluster.items()
            if key != "type" and not key.startswith(_RESOLUTION)
        }
        if own and own.is_stand_in and name.startswith("inbound|") and _OPTIONS in kept:
            kept[_OPTIONS] = {key: _as_http1(held) for key, held in kept[_OPTIONS].items()}
        if kept.get("lb_policy") == "CLUSTER_PROVIDED":
            del kept["lb_policy"]
        endpoints = [{"lb_endpoints": here}] if here else []
        return {
            **kept,
            "type": "STATIC",
            "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        }

    def listener(self, listener: Json, port: int) -> Json:
        """Return a listener at a port of this machine."""
        kept = {key: listener[key] for key in _OF_LISTENERS if key in listener}
        address = {"socket_address": {"address": LOOPBACK, "port_value": port}}
        return {**kept, "address": address}

    def certificates(self, held: object, identity: Identity) -> Any:  # noqa: ANN401 (JSON)
        """Return a message in which certificates are files, instead of Secrets to ask for."""
        if isinstance(held, list):
            return [self.certificates(each, identity) for each in cast("list[object]", held)]
        if not isinstance(held, dict):
            return held
        given = dict(cast("Json", held))
        combined: Json = given.pop("combined_validation_context", {})
        secret: Json = given.pop("validation_context_sds_secret_config", {})
        own: list[Json] = given.pop("tls_certificate_sds_secret_configs", [])
        message: Json = {key: self.certificates(each, identity) for key, each in given.items()}
        if own:
            message["tls_certificates"] = [self._certificate(e["name"], identity) for e in own]
        secret = combined.get("validation_context_sds_secret_config", secret)
        if secret:
            message["validation_context"] = {
                **combined.get("default_validation_context", {}),
                "trusted_ca": {"filename": str(self._authority(secret["name"]))},
            }
        return message

    def _certificate(self, secret: str, identity: Identity) -> Json:
        found = self.topology.certificates.get(secret.rpartition("//")[2].rpartition("/")[2])
        held = found or identity
        return {
            "certificate_chain": {"filename": str(held.certificate)},
            "private_key": {"filename": str(held.key)},
        }

    def _authority(self, secret: str) -> object:
        if secret == _MESH_AUTHORITY:
            return self.topology.trust
        if secret.startswith((CONFIG_MAP, INVALID)):
            name = secret.removeprefix(CONFIG_MAP).removesuffix("-cacert")
            return self.topology.authorities.get(name, self.topology.nobody)
        return self.topology.outside_trust

    def _port(self, end: Json, cluster: str) -> int | None:
        address: Json = end["endpoint"]["address"].get("socket_address", {})
        text, number = str(address.get("address", "")), int(address.get("port_value", 0))
        name = self.addresses.name(text)
        for pod in self.topology.pods:
            if pod.name == name:
                return pod.container_ports.get(number)
        for gateway in self.gateways:
            if gateway.name == name:
                return gateway.ports.get(number)
        host, _, _ = cluster_parts(cluster)
        stubs = self._stubs(number)
        return stubs.get(f"{host}@{text}", stubs.get(host))

    def _stubs(self, port: int) -> Mapping[str, int]:
        return self.topology.outside if speaks_tls(port) else self.topology.outside_plain


_MESH_AUTHORITY = "ROOTCA"
_RESOLUTION = ("eds_", "dns_", "respect_dns", "load_assignment", "use_tcp_for_dns")
_OPTIONS = "typed_extension_protocol_options"
_VERSIONS = ("explicit_http_config", "use_downstream_protocol_config", "auto_config")
_OF_LISTENERS = ("name", "filter_chains", "default_filter_chain", "listener_filters")


def _as_http1(options: Json) -> Json:
    """Return protocol options for a stand-in, which speaks HTTP/1.1 alone."""
    kept = {key: options[key] for key in options if key not in _VERSIONS}
    return {**kept, "explicit_http_config": {"http_protocol_options": {}}}


def _end(port: int, end: Json) -> Json:
    address = {"socket_address": {"address": LOOPBACK, "port_value": port}}
    kept = {key: end[key] for key in ("metadata", "load_balancing_weight") if key in end}
    return {**kept, "endpoint": {"address": address}}
