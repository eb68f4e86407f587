"""The routes of a sidecar's HTTP proxy, made of those that istiod has for each port."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.istiod.ads import Sent
from petmesh.istiod.captured import captured
from tests.istiod.proxy import virtual_host
from tests.unit.envoy.laid import MESH, WEB
from tests.unit.manifests.inputs import read

HCM = "envoy.filters.network.http_connection_manager"
TCP = "envoy.filters.network.tcp_proxy"
NOBODY = {"name": "block_all", "domains": ["*"], "routes": []}


def listener(address: str, port: int, *chains: dict[str, Any]) -> dict[str, Any]:
    at = {"socket_address": {"address": address, "port_value": port}}
    return {"name": f"{address}_{port}", "address": at, "filter_chains": list(chains)}


def requests(route: str) -> dict[str, Any]:
    config: dict[str, Any] = {"rds": {"route_config_name": route}, "http_filters": []}
    return {"filters": [{"name": HCM, "typed_config": config}]}


def connections(*names: str, **target: object) -> dict[str, Any]:
    match = {"server_names": list(names)} if names else {}
    return {"filter_chain_match": match, "filters": [{"name": TCP, "typed_config": target}]}


def host(name: str, *domains: str) -> dict[str, Any]:
    return {"name": name, "domains": list(domains), "routes": [{"name": name}]}


SHARES = {"clusters": [{"name": f"outbound|5432|v1|{WEB}", "weight": 80}]}
SENT = Sent(
    (),
    (
        listener("0.0.0.0", 80, requests("80")),  # noqa: S104 (a name)
        listener("0.0.0.0", 8080, requests("8080")),  # noqa: S104
        listener("10.96.0.1", 9090, requests(f"{WEB}:9090")),
        listener("10.96.0.1", 5432, connections(weighted_clusters=SHARES)),
        listener(
            "0.0.0.0",  # noqa: S104
            443,
            connections("api.example.com", cluster="outbound|443||api.example.com"),
            connections(cluster="BlackHoleCluster"),
        ),
        listener("127.0.0.1", 15002, requests("http_proxy")),
        listener("0.0.0.0", 27017, connections(cluster="outbound|27017||db.example.com")),  # noqa: S104
    ),
    {
        "80": {"virtual_hosts": [host("web 80", WEB, "web", "10.96.0.1"), NOBODY]},
        "8080": {"virtual_hosts": [host("web 8080", WEB, "web"), NOBODY]},
        f"{WEB}:9090": {"virtual_hosts": [host("web 9090", "*")]},
        "http_proxy": {"virtual_hosts": [host("proxy", WEB), NOBODY]},
    },
    {},
)


@pytest.mark.parametrize(
    ("authority", "route"),
    [
        (WEB, "web 80"),
        ("web", "web 80"),
        ("10.96.0.1", "web 80"),
        (f"{WEB}:8080", "web 8080"),
        (f"{WEB}:9090", "web 9090"),
        ("web.default:9090", "web 9090"),
        ("web:5432", "connect"),
        ("api.example.com:443", "connect"),
        ("db.example.com:27017", "connect"),
    ],
)
def test_a_call_is_led_as_by_the_listener_of_its_port(
    tmp_path: Path, authority: str, route: str
) -> None:
    found = virtual_host(captured(SENT, read(tmp_path, MESH), "default"), authority)
    assert found is not None
    assert found["routes"][0]["name"] == route


@pytest.mark.parametrize(
    "authority", [f"{WEB}:81", f"{WEB}:15002", "other.example.com:443", "web.other"]
)
def test_others_are_led_nowhere(tmp_path: Path, authority: str) -> None:
    found = virtual_host(captured(SENT, read(tmp_path, MESH), "default"), authority)
    assert found == NOBODY


def test_connections_keep_their_shares(tmp_path: Path) -> None:
    found = virtual_host(captured(SENT, read(tmp_path, MESH), "default"), f"{WEB}:5432")
    assert found is not None
    assert [each["route"]["weighted_clusters"] for each in found["routes"]] == [SHARES, SHARES]


def test_a_short_name_is_its_own_namespaces(tmp_path: Path) -> None:
    found = virtual_host(captured(SENT, read(tmp_path, MESH), "other"), "web:9090")
    assert found == NOBODY
