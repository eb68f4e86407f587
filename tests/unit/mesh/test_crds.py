"""Objects that an API server with Istio's CRDs would refuse, and the release that these are of."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from petmesh.mesh.crds.check import SCHEMAS, older_schemas, problems
from petmesh.mesh.crds.generate import MODULE, OLDER, ModuleError, generated
from petmesh.mesh.fields import Fields, RefusedError
from petmesh.mesh.gather import gather
from petmesh.mesh.istio import RELEASE, minor
from petmesh.mesh.known_kinds import MODELS
from tests.unit.declared import local
from tests.unit.envoy.laid import istio
from tests.unit.manifests.inputs import read
from tests.unit.mesh.meshes import with_values

REFUSED = [
    (
        "VirtualService",
        "{hosts: [a], http: [{timeout: 0.5ms, route: [{destination: {host: a}}]}]}",
        "spec.http[0].timeout = 0.5ms: must be a valid duration greater than 1ms",
    ),
    (
        "VirtualService",
        "{hosts: [a], http: [{match: [{uri: {exact: a, prefix: b}}]}]}",
        "spec.http[0].match[0].uri: must have one of exact, prefix, regex",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {connectionPool: {http: {maxRetries: many}}}}",
        "spec.trafficPolicy.connectionPool.http.maxRetries = many: is not of type 'integer'",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {retryBudget: {percent: 120}}}",
        "spec.trafficPolicy.retryBudget.percent = 120: is greater than the maximum of 100",
    ),
    (
        "DestinationRule",
        "{host: a, workloadSelector: {matchLabels: {'a*': b}}}",
        "spec.workloadSelector.matchLabels: wildcard not allowed in label key match",
    ),
    (
        "ServiceEntry",
        "{hosts: [a.com], ports: [{number: 80, name: a}, {number: 80, name: b}]}",
        "spec.ports: port number cannot be duplicated",
    ),
    (
        "ServiceEntry",
        "{hosts: [a.com], ports: [{number: 80, name: a}, {number: 81, name: a}]}",
        "spec.ports[1]: another item has name a",
    ),
    (
        "ServiceEntry",
        "{hosts: ['*'], ports: [{number: 80, name: a}]}",
        "spec.hosts[0] = *: hostname cannot be wildcard",
    ),
    (
        "WorkloadEntry",
        "{address: 'unix://here'}",
        "spec.address = unix://here: UDS must be an absolute path or abstract socket",
    ),
    (
        "PeerAuthentication",
        "{portLevelMtls: {'80': {mode: STRICT}}}",
        "spec: portLevelMtls requires selector",
    ),
    (
        "RequestAuthentication",
        "{jwtRules: [{issuer: a, jwksUri: 'ftp://a'}]}",
        "spec.jwtRules[0].jwksUri = ftp://a: url must have scheme http:// or https://",
    ),
    (
        "AuthorizationPolicy",
        "{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway, name: a}]}",
        "spec: only one of targetRefs or selector can be set",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED)
def test_an_api_server_refuses(kind: str, spec: str, message: str) -> None:
    assert message in list(problems(kind, yaml.safe_load(spec)))


def test_what_it_refuses_is_refused_here(tmp_path: Path) -> None:
    entry = istio(
        "ServiceEntry",
        "a",
        "{hosts: [a.com], ports: [{number: 80, name: a, protocol: ''}], "
        "resolution: NONE, endpoints: [{address: 10.0.0.1}]}",
    )
    message = "ServiceEntry default/a: spec: NONE mode cannot set endpoints"
    with pytest.raises(RefusedError, match=f"^{re.escape(message)}$"):
        read(tmp_path, entry)


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("Sidecar", "{}", "spec: must have egress, ingress or outboundTrafficPolicy"),
        (
            "Gateway",
            (
                "{servers: [{port: &http {number: 80, name: a, protocol: HTTP}, hosts: [a.com]}, "
                "{port: *http, hosts: [b.com]}]}"
            ),
            "spec: port name 'a' is there twice: each server's must be its own",
        ),
        (
            "VirtualService",
            "{hosts: [a.com], gateways: ['a/b~c'], http: [{route: [{destination: {host: a}}]}]}",
            "spec.gateways[0] = a/b~c: must be a Gateway's name, or namespace/name",
        ),
    ],
)
def test_what_istiods_webhook_refuses_is_refused_here(
    tmp_path: Path, kind: str, spec: str, message: str
) -> None:
    with pytest.raises(RefusedError, match=f"^{re.escape(f'{kind} default/a: {message}')}$"):
        read(tmp_path, istio(kind, "a", spec))


@pytest.mark.parametrize("schemas", [SCHEMAS, *map(older_schemas, OLDER)], ids=lambda it: it.stem)
def test_a_declared_stack_is_taken(schemas: Path) -> None:
    checked = 0
    for resource in local(egressGateway="true", dogApiEnabled="true").resources:
        if ".istio.io/" in resource.type:
            kind = resource.type.rpartition(":")[2]
            assert list(problems(kind, resource.inputs["spec"], schemas)) == []
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("file", "module"),
    [(SCHEMAS, MODULE), *((older_schemas(each), of) for each, of in OLDER.items())],
)
def test_the_schemas_are_those_of_the_release(file: Path, module: str) -> None:
    try:
        text = generated(module)
    except ModuleError as error:
        pytest.skip(str(error))
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("version", "listed"), [("1.30.3", ["1.30.3"]), (RELEASE, []), ("1.31.9", [])]
)
def test_a_control_plane_of_another_minor_version_is_listed(
    version: str, listed: list[str]
) -> None:
    mesh = gather(with_values("istiod", lambda inputs: inputs.update(version=version)))
    what = "Release of chart istiod: version "
    found = {each.what: each.reason for each in mesh.omissions if each.what.startswith(what)}
    assert list(found) == [what + each for each in listed]
    assert all(minor(RELEASE) in reason for reason in found.values())


@pytest.mark.parametrize("kind", [each for each in MODELS if ".istio.io/" in each])
def test_each_field_of_a_model_is_one_of_the_crd(kind: str) -> None:
    spec = inner_models(MODELS[kind].model_fields["spec"].annotation)
    schema = json.loads(SCHEMAS.read_text())[kind.rpartition(":")[2]]
    assert [path for each in spec for path in unknown_fields(each, schema, "spec")] == []


def inner_models(annotation: object) -> Iterator[type[Fields]]:
    if isinstance(annotation, type) and issubclass(annotation, Fields):
        yield annotation
    for argument in get_args(annotation):
        yield from inner_models(argument)


def unknown_fields(model: type[Fields], schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the fields of a model that an API server would drop, since the CRD lacks them."""
    while "properties" not in schema:
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        schema = schema.get("items") or schema["additionalProperties"]
    for name, field in model.model_fields.items():
        known = schema["properties"].get(field.alias or name)
        if known is None:
            yield f"{path}.{field.alias or name}"
            continue
        for each in inner_models(field.annotation):
            yield from unknown_fields(each, known, f"{path}.{field.alias or name}")
