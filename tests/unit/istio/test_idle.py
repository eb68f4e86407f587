"""On every hop who sends requests gives an idle connection up before who answers them does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.httpservice.idle import CLIENT_IDLE_SECONDS, IDLE_SECONDS
from istio import idle
from istio.egress_gateway import EGRESS_HOST
from petmesh.envoy.names import Json
from petmesh.envoy.proxy import ProxyFiles, gateway_files, sidecar_files
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from tests.unit.declared import google_managed, local, spec
from tests.unit.mesh.meshes import DOG_API, EGRESS, INGRESS, PODS, TOPOLOGY

OPEN = {"dogApiEnabled": "true"}
MESHES = {
    "directly out": lambda: gather(local(**OPEN)),
    "by an egress gateway": lambda: gather(local(**OPEN, egressGateway="true")),
    "behind Google's load balancer": lambda: gather(google_managed(**OPEN)),
}
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# https://nodejs.org/api/http.html#serverkeepalivetimeout, and KeepAliveTimeout in
# https://httpd.apache.org/docs/current/mod/core.html
SHORTEST_OF_USUAL_SERVERS = 5
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
# and keepalive_timeout in https://nginx.org/en/docs/http/ngx_http_upstream_module.html
USUAL_BALANCERS = 60


@pytest.fixture(params=MESHES)
def mesh(request: pytest.FixtureRequest) -> Mesh:
    return MESHES[request.param]()


def proxies(mesh: Mesh) -> Iterator[ProxyFiles]:
    place = Path("/proxy"), Path("/proxy.sock")
    for pod in PODS:
        yield sidecar_files(mesh, TOPOLOGY, pod, *place)
    for gateway in (INGRESS, *([EGRESS] if mesh.inner_gateways else [])):
        yield gateway_files(mesh, TOPOLOGY, gateway, *place)


def pools(mesh: Mesh, direction: str) -> dict[str, set[float]]:
    """The idle time of each cluster of a direction, infinite where none is declared."""
    found: dict[str, set[float]] = {}
    for proxy in proxies(mesh):
        for cluster in proxy.clusters:
            if cluster["name"].startswith(f"{direction}|"):
                found.setdefault(cluster["name"], set()).add(pool(cluster))
    return found


def pool(cluster: Json) -> float:
    options: Any = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]
    return written(options["common_http_protocol_options"].get("idle_timeout", "infs"))


def listeners(mesh: Mesh, kind: str) -> set[float]:
    """The idle times of the listeners of a kind: inbound, outbound or gateway."""
    return {
        written(
            filter_["typed_config"]
            .get("common_http_protocol_options", {})
            .get("idle_timeout", f"{idle.LISTENER}s")
        )
        for proxy in proxies(mesh)
        for listener in proxy.listeners
        if listener["name"].startswith(kind)
        for chain in listener["filter_chains"]
        for filter_ in chain["filters"]
    }


def written(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_a_sidecar_gives_up_before_its_service(mesh: Mesh) -> None:
    own = pools(mesh, "inbound")
    assert own.keys() == {"inbound|9080||", "inbound|9081||", "inbound|9082||"}
    for name, times in own.items():
        assert max(times) < IDLE_SECONDS, name


def test_every_proxy_gives_up_before_the_next_one(mesh: Mesh) -> None:
    within = {name: times for name, times in pools(mesh, "outbound").items() if ".svc." in name}
    # The gateway lets nothing in that doesn't come by the host's own subset.
    within.pop(f"outbound|443||{EGRESS_HOST}", None)
    assert within
    answering = min(listeners(mesh, "inbound") | listeners(mesh, "gateway"))
    for name, times in within.items():
        assert max(times) < answering, name


def test_a_services_client_gives_up_before_its_sidecar_and_before_any_service(mesh: Mesh) -> None:
    assert min(listeners(mesh, "outbound")) > CLIENT_IDLE_SECONDS
    assert CLIENT_IDLE_SECONDS < IDLE_SECONDS


def test_a_load_balancer_gives_up_before_the_ingress_gateway() -> None:
    behind, directly = MESHES["behind Google's load balancer"](), MESHES["directly out"]()
    assert min(listeners(behind, "gateway_80")) > idle.BALANCER
    assert min(listeners(directly, "gateway_80")) > USUAL_BALANCERS


def test_whoever_asks_the_outside_gives_up_before_usual_servers_do(mesh: Mesh) -> None:
    [times] = [times for name, times in pools(mesh, "outbound").items() if name.endswith(DOG_API)]
    assert max(times) < SHORTEST_OF_USUAL_SERVERS


@pytest.mark.parametrize("gateway", ["false", "true"])
def test_what_is_safe_to_send_again_is_sent_again_where_the_outside_answers_nothing(
    gateway: str,
) -> None:
    stack = local(**OPEN, egressGateway=gateway)
    route = "dog-api-egress" if gateway == "true" else "dog-api"
    safe, rest = spec(stack, "VirtualService", route)["http"]
    assert safe["match"] == [{"method": {"regex": "GET|HEAD|OPTIONS"}}]
    assert "reset" in safe["retries"]["retryOn"].split(",")
    assert "match" not in rest
    assert "retries" not in rest
