"""Checks an object of Istio as an API server does that has Istio's CRDs."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import celpy
import jsonschema
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

_FOLDER: Final = Path(str(resources.files("petmesh.mesh.crds")))
SCHEMAS: Final = _FOLDER / "istio.json"
_RULES: Final = "x-kubernetes-validations"
_LIST_KEYS: Final = "x-kubernetes-list-map-keys"
_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_COMBINING: Final = ("oneOf", "anyOf", "allOf", "not")


def older_schemas(minor: str) -> Path:
    """Return the file of the schemas of an older minor version, such as 1.30."""
    return _FOLDER / f"istio-{minor}.json"


def problems(kind: str, spec: object, schemas: Path = SCHEMAS) -> Iterator[str]:
    """Yield what an API server refuses in an object's spec: the field, its value, and the reason.

    Args:
        kind: of Istio.
        spec: plain data.
        schemas: the file of the CRDs' schemas.
    """
    schema = _schemas(schemas).get(kind)
    if schema is None or spec is None:
        return
    validator: Any = _validator(kind, schemas)
    found: list[jsonschema.ValidationError] = list(validator.iter_errors(spec))
    for error in found:
        yield _told(error)
    if not found:
        yield from _broken(schema, spec, "spec")


def dropped(kind: str, spec: object, schemas: Path = SCHEMAS) -> Iterator[str]:
    """Yield the fields of an object's spec that the schema doesn't know: an API server drops them.

    Args:
        kind: of Istio.
        spec: plain data.
        schemas: the file of the CRDs' schemas.

    Source:
        https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
    """
    schema = _schemas(schemas).get(kind)
    if schema is None:
        yield "kind"
    else:
        yield from _unknown(schema, spec, "spec")


def _unknown(schema: Mapping[str, Any], held: object, path: str) -> Iterator[str]:
    if schema.get(_UNKNOWN):
        return
    if isinstance(held, Mapping):
        properties: Mapping[str, Any] = schema.get("properties", {})
        others: object = schema.get("additionalProperties")
        for key, value in cast("Mapping[str, object]", held).items():
            inner: object = properties.get(key, others)
            if isinstance(inner, Mapping):
                yield from _unknown(cast("Mapping[str, Any]", inner), value, f"{path}.{key}")
            elif inner is None:
                yield f"{path}.{key}"
    elif isinstance(held, list | tuple) and "items" in schema:
        for index, value in enumerate(cast("list[object]", held)):
            yield from _unknown(schema["items"], value, f"{path}[{index}]")


@cache
def _schemas(file: Path) -> Mapping[str, Mapping[str, Any]]:
    held: Mapping[str, Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return held


@cache
def _validator(kind: str, file: Path) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_json_schema(_schemas(file)[kind]))


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structural schema as a JSON schema; a number or text may be either where it says so.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {k: _json_schema(v) for k, v in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            result[key] = _json_schema(schema[key])
    if schema.get(_INT_OR_STRING):
        result["type"] = ["integer", "string"]
    if schema.get("nullable"):
        result["type"] = [result["type"], "null"]
    return result


def _told(error: jsonschema.ValidationError) -> str:
    path = "spec" + re.sub(r"^\$", "", error.json_path)
    given = error.instance if isinstance(error.instance, str | int | float | bool) else None
    reason = _one_of(error) or error.message
    if given is not None:
        return f"{path} = {given}: {reason.removeprefix(f'{given!r} ')}"
    return f"{path}: {reason}"


def _one_of(error: jsonschema.ValidationError) -> str | None:
    """Return what a combination of schemas asks for: at most or exactly one of some fields."""
    if error.validator not in _COMBINING:
        return None
    names = sorted(set(_required(error.schema)))
    return f"must have one of {', '.join(names)}" if names else None


def _required(held: object) -> Iterator[str]:
    if isinstance(held, Mapping):
        for key, value in cast("Mapping[str, object]", held).items():
            if key == "required":
                yield from cast("list[str]", value)
            elif key in _COMBINING:
                yield from _required(value)
    elif isinstance(held, list):
        for each in cast("list[object]", held):
            yield from _required(each)


def _broken(schema: Mapping[str, Any], held: object, path: str) -> Iterator[str]:
    """Yield the rules of a schema, and of those in it, that a value breaks."""
    for rule in schema.get(_RULES, ()):
        if not _holds(rule["rule"], held):
            given = f" = {held}" if isinstance(held, str | int | float | bool) else ""
            yield f"{path}{given}: {rule.get('message') or rule['rule']}"
    if isinstance(held, Mapping):
        properties: Mapping[str, Any] = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for key, value in cast("Mapping[str, object]", held).items():
            inner: object = properties.get(key, others)
            if isinstance(inner, Mapping):
                yield from _broken(cast("Mapping[str, Any]", inner), value, f"{path}.{key}")
    elif isinstance(held, list | tuple) and "items" in schema:
        yield from _repeated(schema, cast("list[object]", held), path)
        for index, value in enumerate(cast("list[object]", held)):
            yield from _broken(schema["items"], value, f"{path}[{index}]")


def _repeated(schema: Mapping[str, Any], items: list[object], path: str) -> Iterator[str]:
    """Yield each item of a list by keys whose keys an earlier one has.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
    """
    keys: list[str] = schema.get(_LIST_KEYS, [])
    seen: list[dict[str, object]] = []
    for index, each in enumerate(items):
        if keys and isinstance(each, Mapping):
            item = cast("Mapping[str, object]", each)
            own = {key: item[key] for key in keys if key in item}
            if own in seen:
                told = ", ".join(f"{key} {value}" for key, value in own.items())
                yield f"{path}[{index}]: another item has {told}"
            seen.append(own)


def _holds(rule: str, held: object) -> bool:
    """Return whether a rule holds; one that can't be evaluated doesn't, as for an API server."""
    try:
        return bool(_program(rule).evaluate({"self": json_to_cel(cast("Any", held))}))
    except (CELEvalError, ValueError):
        return False


@cache
def _program(rule: str) -> celpy.Runner:
    environment: Any = celpy.Environment()
    program: celpy.Runner = environment.program(environment.compile(rule), functions=_FUNCTIONS)
    return program


def _is_url(text: celtypes.StringType) -> celtypes.BoolType:
    return celtypes.BoolType(bool(urlsplit(text).scheme))


def _substring(
    text: celtypes.StringType, start: celtypes.IntType, end: celtypes.IntType
) -> celtypes.StringType:
    return celtypes.StringType(text[start:end])


def _scheme(url: celtypes.StringType) -> celtypes.StringType:
    return celtypes.StringType(urlsplit(url).scheme)


# Kubernetes' own functions of CEL that the rules use.
# https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library
_FUNCTIONS: Mapping[str, Any] = {
    "isURL": _is_url,
    "url": celtypes.StringType,
    "getScheme": _scheme,
    "substring": _substring,
}
