"""The schemas that a cluster would check a manifest against."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from petmesh.mesh.crds.generate import MODULE, ModuleError, module_folder

# Go modules that carry CRDs, by what the API groups of these end in.
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.3.0"
CERT_MANAGER_API = "github.com/cert-manager/cert-manager@v1.18.2"
OPERATOR_API = "github.com/prometheus-operator/prometheus-operator@v0.93.1"
CRDS = {
    "istio.io": (MODULE, ["kubernetes/customresourcedefinitions.gen.yaml"]),
    "gateway.networking.k8s.io": (
        GATEWAY_API,
        [
            f"config/crd/standard/gateway.networking.k8s.io_{kinds}.yaml"
            for kinds in ("gateways", "httproutes")
        ],
    ),
    "cert-manager.io": (CERT_MANAGER_API, ["deploy/crds/crd-certificates.yaml"]),
    "monitoring.coreos.com": (
        OPERATOR_API,
        [
            f"example/prometheus-operator-crd/monitoring.coreos.com_{kinds}.yaml"
            for kinds in ("podmonitors", "prometheusrules", "servicemonitors")
        ],
    ),
}
# What every object has, however little its CRD says of it.
OBJECT = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "additionalProperties": False,
        "required": ["name"],
    },
}


class SchemaError(Exception):
    """A manifest that the schema refuses; the text says where and why."""


def check(manifest: Mapping[str, Any], kubernetes: str = "") -> None:
    """Check a manifest as an API server would, with unknown fields an error.

    Args:
        manifest: The object.
        kubernetes: The version of Kubernetes, such as 1.30; the latest known without one.

    The test is skipped where the CRD of a custom resource can't be had.

    Raises:
        SchemaError: The schema refuses it.
    """
    kind = f"{manifest['kind']} {manifest['metadata'].get('name')}"
    try:
        group = manifest["apiVersion"].partition("/")[0]
        custom = next((each for each in CRDS if group.endswith(each)), None)
        if custom:
            schema = _schema(custom, manifest["apiVersion"], manifest["kind"])
            jsonschema.Draft202012Validator(schema).validate(manifest)  # pyright: ignore[reportUnknownMemberType]
        else:
            version = kubernetes or kubernetes_validate.latest_version()
            kubernetes_validate.validate(dict(manifest), version, strict=True)
    except jsonschema.ValidationError as error:
        raise SchemaError(f"{kind}: {error.json_path}: {error.message}") from None


def _schema(group: str, api_version: str, kind: str) -> Mapping[str, Any]:
    module, files = CRDS[group]
    folder = _module(module)
    if isinstance(folder, str):
        pytest.skip(f"the CRDs of {module} can't be had: {folder}")
    schemas = _strict_schemas(tuple(folder / file for file in files))
    if (api_version, kind) not in schemas:
        raise SchemaError(f"{api_version} {kind}: {module} has no such kind")
    return schemas[api_version, kind]


@cache
def _strict_schemas(files: tuple[Path, ...]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    schemas: dict[tuple[str, str], Mapping[str, Any]] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in files:
        for crd in yaml.load_all(file.read_text(), Loader=loader):
            for version in crd["spec"]["versions"]:
                api_version = f"{crd['spec']['group']}/{version['name']}"
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"] = {**schema["properties"], **OBJECT}
                schemas[api_version, crd["spec"]["names"]["kind"]] = schema
    return schemas


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A structural schema of a CRD as a JSON schema that refuses unknown fields.

    An API server drops the fields that a structural schema doesn't name; here they are errors. The
    combining keywords (`oneOf`, `anyOf`, `allOf`, `not`) only constrain fields that are named
    beside them, so they stay as they are.

    Source:
        https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
    """
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {key: strict(each) for key, each in schema["properties"].items()}
    if "items" in schema:
        result["items"] = strict(schema["items"])
    keeps_unknown = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and not keeps_unknown:
        result["additionalProperties"] = schema.get("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    if schema.get("nullable"):
        result["type"] = [result["type"], "null"]
    return result


@cache
def _module(module: str) -> Path | str:
    """A Go module's folder, or why it can't be had."""
    try:
        return module_folder(module)
    except ModuleError as error:
        return str(error)
