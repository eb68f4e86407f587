"""Where on this machine what istiod leads to is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from petmesh.istiod.addresses import Addresses
from petmesh.istiod.places import Places
from tests.unit.envoy.laid import WEB, istio, laid

HTTP2: dict[str, Any] = {
    "HttpProtocolOptions": {"explicit_http_config": {"http2_protocol_options": {}}}
}
ENTRY = "{hosts: ['*.a.com'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE}"


def test_a_pods_address_is_a_port_and_all_else_of_its_cluster_stays(tmp_path: Path) -> None:
    held, addresses = laid(tmp_path), Addresses()
    places = Places(held.topology, addresses, held.gateways)
    [web] = [pod for pod in held.pods if pod.workload == "web"]
    at = {"socket_address": {"address": addresses.of(web.name), "port_value": 9090}}
    name = f"outbound|9090||{WEB}"
    given: dict[str, Any] = {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {},
        "connect_timeout": "3s",
        "typed_extension_protocol_options": HTTP2,
    }
    made = places.cluster(given, [{"endpoint": {"address": at}}], None)
    here = {"socket_address": {"address": "127.0.0.1", "port_value": web.container_ports[9090]}}
    assert made == {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "3s",
        "typed_extension_protocol_options": HTTP2,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": here}}]}],
        },
    }


def test_a_host_whose_address_a_caller_looks_up_is_its_stub(tmp_path: Path) -> None:
    held = laid(tmp_path, istio("ServiceEntry", "a", ENTRY))
    places = Places(held.topology, Addresses(), held.gateways)
    given = {
        "name": "outbound|80||*.a.com",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
    }
    made = places.cluster(given, [], None)
    assert made is not None
    [locality] = made["load_assignment"]["endpoints"]
    [end] = locality["lb_endpoints"]
    port = end["endpoint"]["address"]["socket_address"]["port_value"]
    assert port == held.topology.outside_plain["*.a.com"]
    assert "lb_policy" not in made


def test_a_stand_in_is_asked_by_http1(tmp_path: Path) -> None:
    held = laid(tmp_path)
    places = Places(held.topology, Addresses(), held.gateways)
    [web] = [pod for pod in held.pods if pod.workload == "web"]
    given = {"name": "inbound|9090||", "type": "STATIC", "typed_extension_protocol_options": HTTP2}
    for pod, protocol in (
        (web, "http2_protocol_options"),
        (replace(web, is_stand_in=True), "http_protocol_options"),
    ):
        made = places.cluster(given, [], pod)
        assert made is not None
        [options] = made["typed_extension_protocol_options"].values()
        assert list(options["explicit_http_config"]) == [protocol]
