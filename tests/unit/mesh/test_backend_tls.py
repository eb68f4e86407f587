"""BackendTLSPolicies are taken as the DestinationRules that istiod makes of them."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.destination_rules import policy_for, rule_for
from petmesh.istiod.objects import istio_objects
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.istio.destination_rule import PolicyRule
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.settings import RehearsalSettings, TlsSettings, WorkloadSettings
from tests.unit.envoy.laid import MESH, WEB, cluster, istio, laid
from tests.unit.manifests.inputs import GATEWAY, omitted, read

SERVICE = 'group: "", kind: Service, name: web'
CA = 'caCertificateRefs: [{group: "", kind: ConfigMap, name: auth}]'
SYSTEM = "wellKnownCACertificates: System"
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: auth}
data: {ca.crt: held}
"""
TLS = {"mode": "SIMPLE", "sni": "a.example.com"}
BY_CONFIG_MAP = {**TLS, "credentialName": "configmap://default/auth"}


def policy(
    name: str = "p",
    target: str = SERVICE,
    validation: str = SYSTEM,
    *,
    marks: str = "",
    hostname: str = "a.example.com",
) -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n"
        f"metadata: {{name: {name}{marks}}}\n"
        f"spec: {{targetRefs: [{{{target}}}], validation: {{hostname: {hostname}, {validation}}}}}"
    )


def rules(mesh: Mesh) -> dict[str, Any]:
    """The traffic policies that policies were taken as, by host."""
    return {
        each.spec.host: each.spec.model_dump(by_alias=True, exclude_unset=True)["trafficPolicy"]
        for each in mesh.destination_rules
        if isinstance(each, PolicyRule)
    }


def test_a_policy_is_tls_to_all_ports_of_its_service(tmp_path: Path) -> None:
    mesh = read(tmp_path, MESH, CONFIG_MAP, policy(validation=CA))
    assert rules(mesh) == {WEB: {"tls": BY_CONFIG_MAP}}


def test_a_section_is_one_port(tmp_path: Path) -> None:
    mesh = read(tmp_path, MESH, policy(target=f"{SERVICE}, sectionName: grpc"))
    expected = {"portLevelSettings": ({"port": {"number": 9090}, "tls": TLS},)}
    assert rules(mesh) == {WEB: expected}


def test_a_section_of_no_port_has_no_effect(tmp_path: Path) -> None:
    mesh = read(tmp_path, MESH, policy(target=f"{SERVICE}, sectionName: none"))
    assert rules(mesh) == {}
    assert omitted(mesh)["BackendTLSPolicy: spec.targetRefs[0]"] == ("default/p",)


@pytest.mark.parametrize(
    "target",
    [
        'group: "", kind: Service, name: none',
        'group: "", kind: Pod, name: web',
        "group: networking.istio.io, kind: ServiceEntry, name: web",
    ],
)
def test_a_target_that_is_not_there_has_no_effect(tmp_path: Path, target: str) -> None:
    mesh = read(tmp_path, MESH, policy(target=target))
    assert rules(mesh) == {}
    assert "BackendTLSPolicy: spec.targetRefs[0]" in omitted(mesh)


def test_each_host_of_a_service_entry_has_a_rule(tmp_path: Path) -> None:
    entry = istio(
        "ServiceEntry",
        "out",
        "{hosts: [a.example.com, b.example.com], resolution: DNS,"
        " ports: [{number: 443, name: https, protocol: HTTPS},"
        " {number: 8443, name: tls, protocol: TLS}]}",
    )
    target = "group: networking.istio.io, kind: ServiceEntry, name: out"
    second = policy("q", f"{target}, sectionName: tls", hostname="b.example.com")
    mesh = read(tmp_path, MESH, entry, policy(target=target), second)
    levels = ({"port": {"number": 8443}, "tls": {**TLS, "sni": "b.example.com"}},)
    expected = {"tls": TLS, "portLevelSettings": levels}
    assert rules(mesh) == {"a.example.com": expected, "b.example.com": expected}
    [rule, _] = mesh.destination_rules
    assert rule.sources == ("BackendTLSPolicy default/p", "BackendTLSPolicy default/q")


@pytest.mark.parametrize(
    ("ages", "first"),
    [(("", ""), "p"), (("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), "q")],
)
def test_of_two_for_a_port_the_older_holds_else_the_first_by_name(
    tmp_path: Path, ages: tuple[str, str], first: str
) -> None:
    texts = [
        policy(name, hostname=f"{name}.example.com", marks=f', creationTimestamp: "{age}"')
        for name, age in zip("pq", ages, strict=True)
    ]
    mesh = read(tmp_path, MESH, *texts)
    assert rules(mesh)[WEB]["tls"]["sni"] == f"{first}.example.com"
    [other] = {"p", "q"} - {first}
    assert omitted(mesh)["BackendTLSPolicy: spec.targetRefs[0]"] == (f"default/{other}",)


def test_an_annotation_has_istio_ignore_a_policy(tmp_path: Path) -> None:
    marks = ', annotations: {istio.io/ignore-policy-attachment: "true"}'
    mesh = read(tmp_path, MESH, policy(marks=marks), policy("q", hostname="q.example.com"))
    assert rules(mesh)[WEB]["tls"]["sni"] == "q.example.com"
    assert omitted(mesh)["BackendTLSPolicy"] == ("default/p",)


@pytest.mark.parametrize(
    "reference",
    [
        'group: "", kind: ConfigMap, name: none',
        'group: "", kind: Secret, name: auth',
        "group: example.com, kind: ConfigMap, name: auth",
    ],
)
def test_an_authority_that_can_not_be_had_lets_nothing_pass(tmp_path: Path, reference: str) -> None:
    validation = f"caCertificateRefs: [{{{reference}}}]"
    made = laid(tmp_path, CONFIG_MAP, GATEWAY, policy(validation=validation))
    assert rules(made.mesh)[WEB]["tls"]["credentialName"] == "invalid://"
    assert "its caCertificateRefs name no ConfigMap" in "\n".join(findings(made.mesh))
    name = f"outbound|80||{WEB}"
    # istiod sends a sidecar no TLS whose authority is in no ConfigMap.
    assert "transport_socket" not in cluster(made.sidecar("client"), name)
    socket = cluster(made.gateway(), name)["transport_socket"]
    validated = socket["typed_config"]["common_tls_context"]["validation_context"]
    assert validated["trusted_ca"]["filename"] == str(made.topology.nobody)


def test_names_of_the_certificate_are_verified_by_their_kind(tmp_path: Path) -> None:
    names = (
        "subjectAltNames: [{type: Hostname, hostname: b.example.com},"
        " {type: URI, uri: 'spiffe://c/d'}]"
    )
    made = laid(tmp_path, policy(validation=f"{SYSTEM}, {names}"))
    config = cluster(made.sidecar("client"), f"outbound|80||{WEB}")["transport_socket"]
    validated = config["typed_config"]["common_tls_context"]["validation_context"]
    assert validated["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "b.example.com"}},
        {"san_type": "URI", "matcher": {"exact": "spiffe://c/d"}},
    ]
    assert not any("doesn't verify it" in line for line in findings(made.mesh))


def test_what_a_rule_sets_wins_and_the_policy_fills_in_the_rest(tmp_path: Path) -> None:
    rule = istio(
        "DestinationRule",
        "web",
        "{host: web, trafficPolicy: {connectionPool: {http: {maxRetries: 1}}, portLevelSettings:"
        " [{port: {number: 9090}, tls: {mode: DISABLE}}, {port: {number: 5432}}]}}",
    )
    several = (
        policy("q", f"{SERVICE}, sectionName: grpc"),
        policy("r", f"{SERVICE}, sectionName: tcp-db"),
    )
    mesh = read(tmp_path, MESH, policy(), *several, rule)
    held = rule_for(mesh, WEB, "default")
    whole, grpc, tcp = (policy_for(held, None, port)[0] for port in (80, 9090, 5432))
    assert whole.connection_pool
    assert whole.tls
    assert (whole.tls.mode, whole.tls.sni) == ("SIMPLE", "a.example.com")
    assert grpc.tls
    assert grpc.tls.mode == "DISABLE"
    assert tcp.tls
    assert tcp.tls.mode == "SIMPLE"


def test_istiod_gets_a_rule_with_its_policies_beneath(tmp_path: Path) -> None:
    subsets = istio("DestinationRule", "b", "{host: web, subsets: [{name: a}]}")
    limits = istio("DestinationRule", "c", "{host: web, trafficPolicy: {connectionPool: {}}}")
    mesh = read(tmp_path, MESH, policy(), subsets, limits)
    held = {e["metadata"]["name"]: e["spec"] for e in istio_objects(mesh) if "Dest" in e["kind"]}
    assert list(held) == ["b", "c"]
    assert "trafficPolicy" not in held["b"]
    assert held["c"]["trafficPolicy"]["tls"] == TLS
    alone = istio_objects(read(tmp_path, MESH, policy()))
    assert [e["spec"]["host"] for e in alone if "Dest" in e["kind"]] == [WEB]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (policy(validation=f"{SYSTEM}, {CA}"), "one of caCertificateRefs and wellKnownCA"),
        (policy(validation="subjectAltNames: []"), "one of caCertificateRefs and wellKnownCA"),
        (policy(hostname="'*.example.com'"), "spec.validation.hostname = *.example.com"),
        (policy(target=f"{SERVICE}}}, {{{SERVICE}"), "must have a sectionName of its own"),
        (policy(validation=f"{SYSTEM}, subjectAltNames: [{{type: URI}}]"), "must have uri alone"),
        (policy(validation=f"{SYSTEM}, other: 1"), "spec.validation.other: not known"),
    ],
)
def test_what_an_api_server_refuses_is_refused(tmp_path: Path, given: str, refusal: str) -> None:
    with pytest.raises(RefusedError) as error:
        read(tmp_path, MESH, given)
    assert refusal in str(error.value)


NAMED = MESH.replace("name: http, port: 80", "name: https, port: 80")
STRICT = istio("PeerAuthentication", "all", "{mtls: {mode: STRICT}}", "security")
SERVED = WorkloadSettings(tls=TlsSettings())
AT_8080 = WorkloadSettings(tls=TlsSettings(ports=(8080,)))
SECTION = f"{SERVICE}, sectionName: https"


@pytest.mark.parametrize(
    ("mesh", "target", "settings", "why"),
    [
        (NAMED, SECTION, WorkloadSettings(), "web speaks none here: 503"),
        (NAMED, SECTION, SERVED, None),
        (NAMED, SECTION, AT_8080, None),
        (NAMED, SERVICE, AT_8080, "port 5432 of web is called by TLS: web speaks none here"),
        (MESH, f"{SERVICE}, sectionName: http", SERVED, "by its name http it speaks HTTP"),
        (f"{NAMED}\n---\n{STRICT}", SECTION, SERVED, "the mesh's own alone (STRICT): 503"),
    ],
)
def test_a_call_that_must_fail_is_told(
    tmp_path: Path, mesh: str, target: str, settings: WorkloadSettings, why: str | None
) -> None:
    names = "subjectAltNames: [{type: Hostname, hostname: b.example.com}]"
    read_mesh = read(tmp_path, mesh, policy(target=target, validation=f"{SYSTEM}, {names}"))
    found = findings(read_mesh, RehearsalSettings(workloads={"web": settings}))
    assert [line for line in found if why and why in line] if why else not found
