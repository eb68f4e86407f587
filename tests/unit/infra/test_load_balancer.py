"""Google's load balancer before the ingress, and the certificates that it shows."""

import json
from typing import Any

import pytest

from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import gke, google_managed, is_after, manifest, manifests, release, spec
from tests.unit.schemas import SchemaError, check

INGRESS = "istio-ingressgateway"
HOSTS = ["pets.example.com", "pets.example.org"]
CERTIFICATES = "gcp:certificatemanager"


def of_type(type_: str) -> tuple[Resource, ...]:
    return google_managed().of_type(type_)


def test_each_host_has_a_certificate_by_a_proof_in_its_dns() -> None:
    proofs = of_type(f"{CERTIFICATES}/dnsAuthorization:DnsAuthorization")
    certificates = of_type(f"{CERTIFICATES}/certificate:Certificate")
    entries = of_type(f"{CERTIFICATES}/certificateMapEntry:CertificateMapEntry")
    assert [each.inputs["domain"] for each in proofs] == HOSTS
    assert [each.inputs["managed"]["domains"] for each in certificates] == [[h] for h in HOSTS]
    assert [each.inputs["hostname"] for each in entries] == HOSTS
    for proof, certificate in zip(proofs, certificates, strict=True):
        assert certificate.inputs["managed"]["dnsAuthorizations"] == [proof.outputs["id"]]
    [shown] = of_type(f"{CERTIFICATES}/certificateMap:CertificateMap")
    assert {each.inputs["map"] for each in entries} == {shown.inputs["name"]}


def test_the_same_host_keeps_its_certificate_when_another_goes() -> None:
    type_ = f"{CERTIFICATES}/certificate:Certificate"
    alone = gke(
        ingressTls="googleManaged",
        ingressServiceType="ClusterIP",
        ingressHosts='["pets.example.org"]',
    )
    [kept] = alone.of_type(type_)
    assert kept in google_managed().of_type(type_)


def test_the_outputs_tell_which_dns_records_are_needed() -> None:
    outputs = google_managed().outputs
    assert outputs["url"] == "https://pets.example.com"
    assert outputs["ingressAddress"] == "203.0.113.90"
    records = {(each["name"], each["type"]): each["data"] for each in outputs["dnsRecords"]}
    assert records.keys() == {
        *((f"{host}.", "A") for host in HOSTS),
        *((f"_acme-challenge.{host}.", "CNAME") for host in HOSTS),
    }
    assert records["pets.example.org.", "A"] == "203.0.113.90"
    assert "dnsRecords" not in gke().outputs


def test_the_load_balancer_takes_the_address_and_the_certificates() -> None:
    stack = google_managed()
    gateway = manifest(stack, "Gateway", "public")
    [address] = stack.of_type("gcp:compute/globalAddress:GlobalAddress")
    [shown] = stack.of_type(f"{CERTIFICATES}/certificateMap:CertificateMap")
    assert gateway.inputs["metadata"]["annotations"] == {
        "networking.gke.io/certmap": shown.inputs["name"]
    }
    assert gateway.inputs["spec"]["gatewayClassName"] == "gke-l7-global-external-managed"
    assert gateway.inputs["spec"]["addresses"] == [
        {"type": "NamedAddress", "value": address.inputs["name"]}
    ]
    for entry in stack.of_type(f"{CERTIFICATES}/certificateMapEntry:CertificateMapEntry"):
        assert is_after(stack, gateway, entry)
    [policy] = stack.of_type("gcp:compute/sSLPolicy:SSLPolicy")
    assert is_after(stack, gateway, policy)


def test_http_is_redirected_and_https_led_to_the_ingress_gateway() -> None:
    stack = google_managed()
    http, https = (spec(stack, "HTTPRoute", f"public-{each}") for each in ("http", "https"))
    assert http["parentRefs"] == [{"name": "public", "sectionName": "http"}]
    assert https["parentRefs"] == [{"name": "public", "sectionName": "https"}]
    assert http["hostnames"] == https["hostnames"] == HOSTS
    [redirect] = http["rules"]
    assert redirect == {
        "filters": [
            {
                "type": "RequestRedirect",
                "requestRedirect": {"scheme": "https", "statusCode": 301},
            }
        ]
    }
    assert https["rules"] == [{"backendRefs": [{"name": INGRESS, "port": 80}]}]


def test_tls_and_health_are_held_to_by_policies() -> None:
    stack = google_managed()
    [tls] = stack.of_type("gcp:compute/sSLPolicy:SSLPolicy")
    assert tls.inputs["minTlsVersion"] == "TLS_1_2"
    assert spec(stack, "GCPGatewayPolicy", "public") == {
        "default": {"sslPolicy": tls.inputs["name"]},
        "targetRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"},
    }
    assert spec(stack, "HealthCheckPolicy", "public") == {
        "default": {
            "config": {
                "type": "HTTP",
                "httpHealthCheck": {
                    "portSpecification": "USE_FIXED_PORT",
                    "port": 15021,
                    "requestPath": "/healthz/ready",
                },
            }
        },
        "targetRef": {"group": "", "kind": "Service", "name": INGRESS},
    }


def test_the_ingress_gateway_is_reached_by_googles_load_balancer_alone() -> None:
    stack = google_managed()
    assert spec(stack, "Service", INGRESS)["type"] == "ClusterIP"
    assert spec(stack, "Service", INGRESS)["ports"] == [
        {"name": "http", "port": 80, "targetPort": 80}
    ]
    [server] = spec(stack, "Gateway", "petmesh")["servers"]
    assert "tls" not in server
    firewall = stack.one("gcp:compute/firewall:Firewall", "gke-load-balancer").inputs
    assert firewall["sourceRanges"] == ["35.191.0.0/16", "130.211.0.0/22"]
    assert firewall["allows"] == [{"protocol": "tcp", "ports": ["80", "15021"]}]


def test_the_ingress_gateway_believes_the_load_balancer_who_asks() -> None:
    def proxy(stack: Declaration) -> Any:  # noqa: ANN401 (data)
        annotations = release(stack, INGRESS)["values"]["podAnnotations"]
        return json.loads(annotations["proxy.istio.io/config"])

    assert proxy(google_managed())["gatewayTopology"] == {"numTrustedProxies": 2}
    assert "gatewayTopology" not in proxy(gke())


def test_the_cluster_runs_the_gateway_api_only_for_it() -> None:
    [cluster] = of_type("gcp:container/cluster:Cluster")
    assert cluster.inputs["gatewayApiConfig"] == {"channel": "CHANNEL_STANDARD"}
    [other] = gke().of_type("gcp:container/cluster:Cluster")
    assert "gatewayApiConfig" not in other.inputs
    assert {each.name for each in gke().of_type("gcp:compute/firewall:Firewall")} == {
        "gke-injection-webhook"
    }


@pytest.mark.parametrize("kind", ["Gateway", "HTTPRoute"])
def test_its_objects_fit_the_gateway_apis_crds(kind: str) -> None:
    for each in manifests(google_managed(), kind).values():
        if each.inputs["apiVersion"].startswith("gateway.networking.k8s.io/"):
            check(each.inputs)
            with pytest.raises(SchemaError):
                check({**each.inputs, "spec": {**each.inputs["spec"], "hostnams": []}})
