"""rehearsal.yaml: how a workload runs here."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from petmesh.host.pki import Authority, Leaf
from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.inputs import Input, read_input
from petmesh.rehearsal.launch import Launcher
from petmesh.rehearsal.settings import RehearsalSettings, SettingsError, read_settings
from tests.unit.manifests.inputs import SHOP, read
from tests.unit.mesh.meshes import pod


def settings(folder: Path, text: str) -> RehearsalSettings:
    file = folder / "rehearsal.yaml"
    file.write_text(text)
    return read_settings(file)


def launched(folder: Path, text: str):  # noqa: ANN201 (a command)
    mesh = read(folder, SHOP)
    [workload] = mesh.workloads
    return Launcher(settings(folder, text))(mesh, pod("web", "v1", 1000), workload, {"EXTRA": "1"})


def test_without_an_entry_a_stand_in_answers(tmp_path: Path) -> None:
    command = launched(tmp_path, "workloads: {other: {status: 500}}")
    told = json.loads(command.environment["STAND_IN"])
    assert (told["workload"], told["version"], told["status"]) == ("web-v1", "v1", 200)
    assert command.arguments[0] == sys.executable
    assert not command.probed


def test_an_entry_says_what_a_stand_in_answers(tmp_path: Path) -> None:
    text = "workloads: {default/web-*: {status: 503, delay: 250ms, body: {a: 1}}}"
    told = json.loads(launched(tmp_path, text).environment["STAND_IN"])
    assert (told["status"], told["delay"], told["body"]) == (503, 0.25, {"a": 1})


def test_an_entry_names_a_command_its_folder_and_variables(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    command = launched(
        tmp_path,
        "workloads: {web-v1: {command: [python, -m, web, '--port={port}'], folder: src,"
        " environment: {A: b}, port: WEB_PORT}}",
    )
    assert command.arguments == (sys.executable, "-m", "web", "--port=1000")
    assert command.folder == tmp_path / "src"
    environment = command.environment
    assert (environment["A"], environment["WEB_PORT"], environment["EXTRA"]) == ("b", "1000", "1")
    assert environment["HTTP_PROXY"] == "http://127.0.0.1:1002"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="folder none: there is no such folder"):
        launched(tmp_path, "workloads: {web-v1: {command: [a], folder: none}}")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("works: {}", "works: unknown key"),
        ("workloads: {a: {colour: 1}}", "workloads.a.colour: unknown key"),
        ("workloads: {a: {status: 99}}", "workloads.a.status = 99: input should be greater"),
        ("workloads: {a: {delay: soon}}", "workloads.a.delay = soon: must be a duration"),
        ("workloads: {a: {command: [b], status: 200}}", "status is a stand-in's"),
        ("workloads: {a: {folder: src}}", "folder needs a command"),
        ("workloads: {a: {command: []}}", "workloads.a.command: tuple should have at least 1"),
        ("workloads: {a: {tls: {key: a.key}}}", "certificate and key must be there together"),
        (
            "workloads: {a: {tls: {names: [b], certificate: a, key: b}}}",
            "names is of a certificate",
        ),
        ("workloads: {a: {tls: {names: ['b c']}}}", "workloads.a.tls.names[0] = b c"),
        ("workloads: {a: {tls: {ports: [0]}}}", "workloads.a.tls.ports[0] = 0"),
        ("- a", "must have the key workloads alone"),
        ("a: [", "while parsing"),
    ],
)
def test_a_mistake_is_one_line_with_the_key(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'rehearsal.yaml'}: ")
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_entry_of_no_workload_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(SHOP)
    (tmp_path / "rehearsal.yaml").write_text("workloads: {wbe-v1: {status: 200}}")
    with pytest.raises(SettingsError, match=r"workloads\.wbe-v1: must be one of web-v1"):
        read_input((str(tmp_path),), "local")


def test_standard_input_has_no_file_beside_it_but_may_be_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rehearsal.yaml").write_text("workloads: {wbe-v1: {status: 200}}")
    file = tmp_path / "own.yaml"
    file.write_text("workloads: {web-v1: {status: 201}}")
    monkeypatch.chdir(tmp_path)
    for settings, status in ((None, 200), (file, 201)):
        monkeypatch.setattr("sys.stdin", io.StringIO(SHOP))
        read_one = read_input(("-",), "", settings=settings)
        assert read_one.settings.of(read_one.mesh.workloads[0]).status == status
    monkeypatch.setattr("sys.stdin", io.StringIO(SHOP))
    with pytest.raises(SettingsError, match="No such file"):
        read_input(("-",), "", settings=tmp_path / "none.yaml")


def test_more_pods_than_a_machine_can_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(SHOP.replace("replicas: 2", "replicas: 100000"))
    with pytest.raises(RefusedError, match=r"default/web-v1: replicas = 100000: .* 500 in all"):
        read_input((str(tmp_path),), "")


AUTHORITY = """
apiVersion: v1
kind: ConfigMap
metadata: {name: bank-ca, namespace: bank}
data: {ca.crt: held}
"""


def read_with(folder: Path, entry: str) -> Input:
    (folder / "mesh.yaml").write_text(f"{SHOP}\n---\n{AUTHORITY}")
    (folder / "rehearsal.yaml").write_text(f"workloads: {{web-v1: {{tls: {{{entry}}}}}}}")
    return read_input((str(folder),), "")


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        ("issuer: bank-ca", "issuer = bank-ca: must be one of System, SelfSigned, bank/bank-ca"),
        ("certificate: a.pem, key: a.key", "certificate = a.pem: there is no such file"),
        ("certificate: mesh.yaml, key: mesh.yaml", "key = mesh.yaml: must be the key of"),
    ],
)
def test_a_certificate_that_can_not_be_had_is_refused(
    tmp_path: Path, entry: str, refusal: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read_with(tmp_path, entry)
    assert f"rehearsal.yaml: workloads.web-v1.tls.{refusal}" in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "issuer", "names"),
    [
        ("", "system", ["web.default.svc.cluster.local", "web.default.svc", "web.default", "web"]),
        ("names: [a.example.com], issuer: SelfSigned", "self-signed", ["a.example.com"]),
        ("names: [a.example.com], issuer: bank/bank-ca", "bank.bank-ca", ["a.example.com"]),
    ],
)
def test_a_process_gets_a_certificate_of_names_and_an_issuer(
    tmp_path: Path, entry: str, issuer: str, names: list[str]
) -> None:
    given = read_with(tmp_path, entry)
    certificates = Certificates(tmp_path / "pki")
    [workload] = given.mesh.workloads
    leaf = certificates.of_process(given.mesh, workload, given.settings)
    assert leaf
    assert leaf == certificates.of_process(given.mesh, workload, given.settings)
    held = x509.load_pem_x509_certificate(leaf.certificate.read_bytes())
    authority = (tmp_path / "pki" / issuer / "ca.pem").read_bytes()
    held.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    told = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert told.get_values_for_type(x509.DNSName) == names


def test_files_are_a_certificate_too(tmp_path: Path) -> None:
    leaf = Authority("a", tmp_path).issue_host("a.example.com", "spiffe://b/c", "127.0.0.1")
    name = leaf.certificate.stem
    given = read_with(tmp_path, f"certificate: {name}.pem, key: {name}.key")
    [workload] = given.mesh.workloads
    found = Certificates(tmp_path / "pki").of_process(given.mesh, workload, given.settings)
    assert found == leaf


def test_a_config_maps_own_authority_is_trusted_beside_the_local_one(tmp_path: Path) -> None:
    own = Authority("own", tmp_path / "own").certificate.read_text()
    mesh = replace(read(tmp_path, SHOP), authorities={"bank/ca": own, "bank/bad": "held"})
    found = Certificates(tmp_path / "pki").authorities(mesh)
    assert list(found) == ["bank/ca"]
    held = x509.load_pem_x509_certificates(found["bank/ca"].read_bytes())
    assert [str(each.subject.rfc4514_string()) for each in held] == [
        "CN=own",
        "CN=rehearsal: bank/ca",
        "CN=rehearsal: outside",
    ]


def test_a_command_is_told_its_certificate_and_ports(tmp_path: Path) -> None:
    text = (
        "workloads: {web-v1: {command: [a, '{port}', '{tlsPort}', '{certificate}'],"
        " environment: {KEY: '{key}'}, tls: {ports: [8443]}}}"
    )
    mesh = read(tmp_path, SHOP)
    own = replace(
        pod("web", "v1", 1000),
        certificate=Leaf(Path("/a.pem"), Path("/a.key")),
        secure_port=1005,
        secure_targets=frozenset({8443}),
    )
    command = Launcher(settings(tmp_path, text))(mesh, own, mesh.workloads[0], {})
    assert command.arguments == ("a", "1000", "1005", "/a.pem")
    assert command.environment["KEY"] == "/a.key"
    assert [own.process_port(target) for target in (8080, 8443)] == [1000, 1005]
