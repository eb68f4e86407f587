"""TLS and the rate limit at the ingress, and who may be reached by which name."""

import json
from collections.abc import Callable

import pytest

from petmesh.program.declaration import Declaration
from tests.unit.declared import (
    changed_leaves,
    gke,
    google_managed,
    is_after,
    local,
    manifest,
    manifests,
    release,
    spec,
)

INGRESS = "istio-ingressgateway"
Stack = Callable[[], Declaration]
HOSTS = ["pets.example.com", "pets.example.org"]


def secret(**config: str) -> Declaration:
    return local(ingressTls="secret", **config)


def issued(**config: str) -> Declaration:
    hosts = json.dumps(HOSTS)
    return local(ingressTls="certManager", ingressIssuer="corporate", ingressHosts=hosts, **config)


def test_without_tls_one_plain_port_is_open() -> None:
    [server] = spec(local(), "Gateway", "petmesh")["servers"]
    assert server["port"] == {"number": 80, "name": "http", "protocol": "HTTP"}
    assert "tls" not in server


@pytest.mark.parametrize("tls", [secret, issued])
def test_with_a_certificate_http_is_redirected_and_https_served(tls: Stack) -> None:
    stack = tls()
    plain, secure = spec(stack, "Gateway", "petmesh")["servers"]
    assert plain["port"] == {"number": 80, "name": "http", "protocol": "HTTP"}
    assert plain["tls"] == {"httpsRedirect": True}
    assert secure["port"] == {"number": 443, "name": "https", "protocol": "HTTPS"}
    assert secure["tls"] == {
        "mode": "SIMPLE",
        "credentialName": "ingress-tls",
        "minProtocolVersion": "TLSV1_2",
    }
    hosts = json.loads(stack.config["petmesh:ingressHosts"])
    assert plain["hosts"] == secure["hosts"] == [f"pets/{host}" for host in hosts]


def test_the_secret_may_have_another_name() -> None:
    _, secure = spec(secret(ingressTlsSecret="my.tls"), "Gateway", "petmesh")["servers"]
    assert secure["tls"]["credentialName"] == "my.tls"


def test_the_service_opens_https_only_with_a_certificate() -> None:
    http = {"name": "http", "port": 80, "targetPort": 80}
    https = {"name": "https", "port": 443, "targetPort": 443}
    assert spec(local(), "Service", INGRESS)["ports"] == [http]
    assert spec(secret(), "Service", INGRESS)["ports"] == [http, https]


def test_the_url_tells_how_the_ingress_is_reached() -> None:
    forwarded, balanced = secret(), gke(ingressTls="secret", ingressHosts=json.dumps(HOSTS))
    assert forwarded.outputs["url"] == "https://pets.localhost:8443"
    assert forwarded.outputs["portForward"].endswith(f"service/{INGRESS} 8080:80 8443:443")
    assert balanced.outputs["url"] == "https://pets.example.com"


def test_over_https_alone_clients_are_told_to_keep_to_it() -> None:
    for stack, told in ((local(), False), (secret(), True), (issued(), True)):
        [route] = spec(stack, "VirtualService", "petservice-public")["http"]
        assert ("headers" in route) == told
    assert route["headers"] == {
        "response": {"set": {"strict-transport-security": "max-age=31536000"}}
    }


def test_cert_manager_is_asked_for_every_host() -> None:
    stack = issued()
    [certificate] = manifests(stack, "Certificate").values()
    gateway = release(stack, INGRESS)
    assert certificate.inputs["metadata"]["namespace"] == gateway["namespace"]
    assert certificate.inputs["spec"] == {
        "secretName": "ingress-tls",
        "dnsNames": HOSTS,
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "corporate"},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    }
    assert is_after(stack, manifest(stack, "Gateway", "petmesh"), certificate)


@pytest.mark.parametrize("stack", [local, secret])
def test_without_an_issuer_no_certificate_is_asked_for(stack: Stack) -> None:
    assert not manifests(stack(), "Certificate")


def test_the_limit_is_in_every_listener_of_the_gateway() -> None:
    stack = local(ingressRequestsPerSecond="250")
    limit = manifest(stack, "EnvoyFilter", "rate-limit").inputs
    assert limit["metadata"]["namespace"] == release(stack, INGRESS)["namespace"]
    assert (
        limit["spec"]["workloadSelector"]["labels"] == spec(stack, "Service", INGRESS)["selector"]
    )
    [patch] = limit["spec"]["configPatches"]
    assert "portNumber" not in patch["match"]["listener"]
    config = patch["patch"]["value"]["typed_config"]
    assert config["token_bucket"] == {
        "max_tokens": 250,
        "tokens_per_fill": 250,
        "fill_interval": "1s",
    }
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    assert config["filter_enabled"] == config["filter_enforced"] == always


def test_what_is_public_comes_after_its_limit() -> None:
    stack = local(ingressRequestsPerSecond="250")
    limit = manifest(stack, "EnvoyFilter", "rate-limit")
    assert is_after(stack, manifest(stack, "Gateway", "petmesh"), limit)


def test_a_limit_is_there_unless_the_stack_takes_it_away() -> None:
    limit = spec(gke(), "EnvoyFilter", "rate-limit")["configPatches"][0]["patch"]["value"]
    assert limit["typed_config"]["token_bucket"]["max_tokens"] == 1000
    assert "rate-limit" not in manifests(gke(ingressRequestsPerSecond="0"), "EnvoyFilter")


def test_another_limit_changes_the_filter_alone() -> None:
    old, new = local(ingressRequestsPerSecond="250"), local(ingressRequestsPerSecond="300")
    bucket = "spec.configPatches[0].patch.value.typed_config.token_bucket"
    was = {each.urn: each for each in old.resources}
    changed = {
        each.name: leaves
        for each in new.resources
        if (leaves := changed_leaves(was[each.urn], each))
    }
    assert changed == {"rate-limit-filter": {f"{bucket}.max_tokens", f"{bucket}.tokens_per_fill"}}


@pytest.mark.parametrize("stack", [local, gke, google_managed])
def test_what_is_public_comes_after_what_the_edge_bears(stack: Stack) -> None:
    edge = manifest(stack(), "EnvoyFilter", "edge")
    assert is_after(stack(), manifest(stack(), "Gateway", "petmesh"), edge)
    assert edge.inputs["metadata"]["namespace"] == release(stack(), INGRESS)["namespace"]
    labels = edge.inputs["spec"]["workloadSelector"]["labels"]
    assert labels == spec(stack(), "Service", INGRESS)["selector"]


@pytest.mark.parametrize(("stack", "seconds"), [(local, "120s"), (google_managed, "620s")])
def test_a_clients_times_are_bounded_and_a_load_balancers_too(stack: Stack, seconds: str) -> None:
    [patch] = spec(stack(), "EnvoyFilter", "edge")["configPatches"]
    assert "portNumber" not in patch["match"]["listener"]
    manager = patch["patch"]["value"]["typed_config"]
    assert manager["request_headers_timeout"] == "10s"
    assert manager["request_timeout"] == "20s"
    assert manager["stream_idle_timeout"] == "60s"
    assert manager["common_http_protocol_options"] == {"idle_timeout": seconds}


def test_a_pods_connections_are_the_gateways_own_to_limit() -> None:
    values = release(local(ingressConnections="7"), INGRESS)["values"]
    proxy = json.loads(values["podAnnotations"]["proxy.istio.io/config"])
    assert proxy["proxyMetadata"] == {
        "ISTIO_META_HTTP10": "1",
        "ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": "7",
    }
