"""What changes between what two releases of istiod send."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from petmesh.istiod.ads import Sent
from petmesh.istiod.changes import changes

CLUSTER = {"name": "outbound|80||web", "connect_timeout": "10s", "alt_stat_name": "web"}
FILTERS = [{"name": "rbac"}, {"name": "fault"}, {"name": "router"}]
LISTENER = {"name": "virtualInbound", "filter_chains": [{"name": "80", "filters": FILTERS}]}
ROUTE = {"match": {"prefix": "/"}, "route": {"cluster": "outbound|80||web", "timeout": "0s"}}
ROUTES = {"name": "80", "virtual_hosts": [{"name": "web:80", "routes": [ROUTE]}]}
END: Any = {"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}}}
SENT = Sent(
    (CLUSTER,),
    (LISTENER,),
    {"80": ROUTES},
    {"outbound|80||web": {"endpoints": [{"lb_endpoints": [END]}]}},
)


def changed(change: str) -> Sent:
    """A copy in which something else is sent."""
    sent = copy.deepcopy(SENT)
    chain: Any = sent.listeners[0]["filter_chains"][0]
    host: Any = sent.routes["80"]["virtual_hosts"][0]
    ends: Any = sent.endpoints["outbound|80||web"]["endpoints"]
    [cluster] = sent.clusters
    match change:
        case "timeout":
            cluster["connect_timeout"] = "5s"
        case "statistics":
            cluster["alt_stat_name"] = "other"
        case "no timeout":
            del host["routes"][0]["route"]["timeout"]
        case "filter":
            del chain["filters"][0]
        case "order":
            chain["filters"].reverse()
        case "endpoint":
            ends[0]["lb_endpoints"].clear()
        case "host":
            sent.routes["80"]["virtual_hosts"].append({"name": "api:80", "routes": [ROUTE]})
        case _:
            cluster["name"] = "outbound|80||api"
    return sent


WEB = "cluster outbound|80||web"
INBOUND = "listener virtualInbound"
CHANGES = [
    ("timeout", WEB, 'connect_timeout: "10s" -> "5s"'),
    ("no timeout", "routes 80", 'virtual_hosts.web:80.routes.[0].route.timeout: "0s" -> nothing'),
    ("filter", INBOUND, 'filter_chains.80.filters.rbac: {"name": "rbac"} -> nothing'),
    (
        "order",
        INBOUND,
        'filters (order): ["rbac", "fault", "router"] -> ["router", "fault", "rbac"]',
    ),
]


@pytest.mark.parametrize(("change", "of", "what"), CHANGES, ids=[each[0] for each in CHANGES])
def test_a_change_names_where_it_is(change: str, of: str, what: str) -> None:
    found = changes({"web-0": SENT}, {"web-0": changed(change)})
    [line] = map(str, found)
    assert line.endswith(f"{what}\n  of {of}\n  at web-0")


def test_statistics_are_no_change() -> None:
    assert changes({"web-0": SENT}, {"web-0": changed("statistics")}) == []


@pytest.mark.parametrize("change", ["endpoint", "host", "cluster"])
def test_what_is_new_or_gone_is_a_change(change: str) -> None:
    found = changes({"web-0": SENT}, {"web-0": changed(change)})
    assert [(each.before is None) ^ (each.after is None) for each in found]


def test_a_change_of_several_proxies_and_resources_is_told_once() -> None:
    api = {**CLUSTER, "name": "outbound|80||api"}
    both = replace(SENT, clusters=(CLUSTER, api))
    slow = replace(both, clusters=tuple({**e, "connect_timeout": "5s"} for e in both.clusters))
    before = {"a-0": both, "b-0": both, "c-0": both}
    [found] = changes(before, {"a-0": slow, "b-0": both, "c-0": slow})
    assert found.proxies == ("a-0", "c-0")
    assert found.resources == ("cluster outbound|80||api", WEB)


def test_the_order_of_endpoints_is_no_change() -> None:
    other = copy.deepcopy(END)
    other["endpoint"]["address"]["socket_address"]["address"] = "10.0.0.2"
    sent = [
        replace(SENT, endpoints={"outbound|80||web": {"endpoints": [{"lb_endpoints": ends}]}})
        for ends in ([END, other], [other, END])
    ]
    assert changes({"web-0": sent[0]}, {"web-0": sent[1]}) == []
