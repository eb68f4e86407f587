"""The egress gateway: its proxy's configuration, and its callers'."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.names import Json
from petmesh.envoy.proxy import ProxyFiles, gateway_files, sidecar_files
from petmesh.envoy.topology import GatewayPod
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh
from tests.unit.mesh.meshes import (
    DOG_API,
    EGRESS,
    INGRESS,
    PODS,
    TOPOLOGY,
    changed,
    mesh,
)

OPEN = {"dogApiEnabled": "true", "egressGateway": "true"}
HOST = "istio-egressgateway.istio-egress.svc.cluster.local"
TO_GATEWAY = f"outbound|443|dog-api-egress|{HOST}"
TO_HOST = f"outbound|80||{DOG_API}"
PLACE = (Path("/run"), Path("/run.sock"))


def gateway(of: Mesh, proxy: GatewayPod = EGRESS) -> ProxyFiles:
    return gateway_files(of, TOPOLOGY, proxy, *PLACE)


def named(clusters: Any, name: str) -> Any:  # noqa: ANN401 (data)
    [cluster] = [each for each in clusters if each["name"] == name]
    return cluster


def chosen(routes: Json, domain: str) -> Any:  # noqa: ANN401 (data)
    [host] = [each for each in routes["virtual_hosts"] if domain in each["domains"]]
    [route] = host["routes"]
    return route


def test_the_callers_sidecar_leads_the_host_to_the_gateway() -> None:
    files = sidecar_files(mesh(**OPEN), TOPOLOGY, PODS[0], *PLACE)
    [routes] = files.routes.values()
    assert chosen(routes, DOG_API)["route"]["cluster"] == TO_GATEWAY
    cluster = named(files.clusters, TO_GATEWAY)
    [locality] = cluster["load_assignment"]["endpoints"]
    [end] = locality["lb_endpoints"]
    assert end["endpoint"]["address"]["socket_address"]["port_value"] == EGRESS.ports[443]


def test_the_caller_asks_for_the_host_and_takes_the_gateways_identity_alone() -> None:
    view = sidecar_files(mesh(**OPEN), TOPOLOGY, PODS[0], *PLACE)
    tls = named(view.clusters, TO_GATEWAY)["transport_socket"]["typed_config"]
    assert tls["sni"] == DOG_API
    context = tls["common_tls_context"]
    assert context["tls_certificates"][0]["private_key"] == {"filename": "/pki/petservice.key"}
    assert context["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": EGRESS.identity.uri}}
    ]


def test_the_gateway_takes_identities_of_the_mesh_alone() -> None:
    [listener] = gateway(mesh(**OPEN)).listeners
    [chain] = listener["filter_chains"]
    assert chain["filter_chain_match"] == {"server_names": [DOG_API]}
    tls = chain["transport_socket"]["typed_config"]
    assert tls["require_client_certificate"] is True
    trusted = tls["common_tls_context"]["validation_context"]
    assert trusted == {"trusted_ca": {"filename": "/pki/mesh.pem"}}


def test_the_gateway_originates_tls_and_says_nothing_of_the_caller() -> None:
    files = gateway(mesh(**OPEN))
    [name] = files.routes
    assert name.startswith("https.443.")
    [host] = files.routes[name]["virtual_hosts"]
    assert host["domains"] == [DOG_API]
    for route in host["routes"]:
        assert route["route"]["cluster"] == TO_HOST
        assert "x-forwarded-for" in route["request_headers_to_remove"]
    cluster = named(files.clusters, TO_HOST)
    assert cluster["transport_socket"]["typed_config"]["sni"] == DOG_API


def test_what_is_the_gateways_own_the_ingress_does_not_know() -> None:
    names = [each["name"] for each in gateway(mesh(**OPEN), INGRESS).clusters]
    assert TO_HOST not in names
    assert TO_GATEWAY not in names


def test_a_gateway_that_nothing_is_routed_through_listens_nowhere() -> None:
    closed = GatewayPod(EGRESS.name, EGRESS.namespace, EGRESS.labels, EGRESS.identity, {})
    files = gateway(mesh(egressGateway="true"), closed)
    assert (files.listeners, files.routes) == ((), {})


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_the_ingress_is_the_gateway_that_outsiders_may_ask(enabled: str) -> None:
    of = mesh(egressGateway="true", dogApiEnabled=enabled)
    assert of.ingress.name == INGRESS.name
    assert [each.name for each in of.inner_gateways] == [EGRESS.name]


def test_a_second_gateway_that_outsiders_may_ask_is_refused() -> None:
    def let_in(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["servers"][0]["tls"] = {"mode": "SIMPLE", "credentialName": "egress-tls"}

    of = changed("Gateway", "dog-api-egress", let_in, **OPEN)
    with pytest.raises(RefusedError, match="2 releases of the gateway chart"):
        _ = of.ingress
