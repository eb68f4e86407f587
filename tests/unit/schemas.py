"""The schemas that a cluster would check a manifest against."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema
import kubernetes_validate
import pytest
import yaml

ISTIO_API = "istio.io/api@v1.31.1"
CRDS = "kubernetes/customresourcedefinitions.gen.yaml"
# What every object has beside what its CRD declares.
OBJECT = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
        "additionalProperties": False,
        "required": ["name"],
    },
}


class SchemaError(Exception):
    """A manifest that the schema refuses; the text says where and why."""


def check(manifest: Mapping[str, Any]) -> None:
    """Check a manifest as an API server would, with unknown fields an error.

    Istio's CEL rules (`x-kubernetes-validations`) aren't evaluated.

    Raises:
        SchemaError: The schema refuses it.
    """
    kind = f"{manifest['kind']} {manifest['metadata'].get('name')}"
    try:
        if "istio.io/" in manifest["apiVersion"]:
            schema = _istio(manifest["apiVersion"], manifest["kind"])
            jsonschema.Draft202012Validator(schema).validate(manifest)  # pyright: ignore[reportUnknownMemberType]
        else:
            version = kubernetes_validate.latest_version()
            kubernetes_validate.validate(dict(manifest), version, strict=True)
    except jsonschema.ValidationError as error:
        raise SchemaError(f"{kind}: {error.json_path}: {error.message}") from None


def _istio(api_version: str, kind: str) -> Mapping[str, Any]:
    schemas = istio_schemas()
    if (api_version, kind) not in schemas:
        raise SchemaError(f"{api_version} {kind}: {ISTIO_API} has no such kind")
    return schemas[api_version, kind]


def istio_schemas() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """The strict schemas of Istio's kinds by apiVersion and kind; skips the test without them."""
    crds = _istio_crds()
    if isinstance(crds, str):
        pytest.skip(f"Istio's CRDs can't be had: {crds}")
    return _strict_schemas(crds)


@cache
def _strict_schemas(crds: Path) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    schemas: dict[tuple[str, str], Mapping[str, Any]] = {}
    with crds.open() as file:
        for crd in yaml.load_all(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            for version in crd["spec"]["versions"]:
                api_version = f"{crd['spec']['group']}/{version['name']}"
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"] = {**OBJECT, **schema["properties"]}
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
def _istio_crds() -> Path | str:
    """Istio's CRDs from Go's module cache or its module proxy, or why they can't be had."""
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(
                ["go", "mod", "download", "-json", ISTIO_API],
                cwd=empty,
                env={**os.environ, "GOFLAGS": "-mod=mod"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            return str(error)
    try:
        answer = cast("dict[str, str]", json.loads(done.stdout))
    except json.JSONDecodeError:
        return done.stderr.strip()
    return Path(answer["Dir"]) / CRDS if "Dir" in answer else answer.get("Error", "no reason given")
