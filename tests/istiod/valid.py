"""Which objects are valid: those that an API server with Istio's CRDs and istiod's webhook take."""

import json
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import yaml

from petmesh.host.processes import Processes
from petmesh.istiod.server import Istiod
from petmesh.mesh.crds.check import SCHEMAS, dropped, problems
from tests.istiod.found import Found

_SECONDS = 10
_API_CRDS = "tests/integration/pilot/testdata/gateway-api-crd.yaml"


@asynccontextmanager
async def _running(binary: Path, folder: Path):  # noqa: ANN202
    processes = Processes()
    istiod = Istiod(binary, folder)
    try:
        await istiod.start(processes, [], [], {})
        yield istiod
    finally:
        await istiod.stop(processes)
        await processes.stop()


async def valid(found: Iterable[Found], binary: Path, source: Path, folder: Path) -> list[Found]:
    """The valid ones of some objects.

    Args:
        found: the objects.
        binary: istiod's.
        source: the folder of Istio's source, which has the CRDs of the Gateway API.
        folder: for files.
    """
    schemas = _api_schemas(source, folder / "gateway-api.json")
    async with _running(binary, folder) as istiod:
        return [
            each
            for each in found
            if not any(schema_refusals(each, schemas))
            and not any(_webhook_refusals(each.body, istiod.webhook))
        ]


def schema_refusals(each: Found, api: Path) -> Iterator[str]:
    """Why an API server refuses an object, or which of its fields it drops.

    Args:
        each: the object.
        api: the file of the schemas of the Gateway API.
    """
    schemas = SCHEMAS if ".istio.io/" in each.body["apiVersion"] else api
    kind, spec = str(each.body["kind"]), each.body.get("spec")
    yield from problems(kind, spec, schemas)
    yield from dropped(kind, spec, schemas)


def _api_schemas(source: Path, file: Path) -> Path:
    """Write the schemas of the Gateway API's kinds, and return their file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas: dict[str, Any] = {}
    for crd in yaml.load_all((source / _API_CRDS).read_text(encoding="utf-8"), Loader=loader):
        if crd and crd["kind"] == "CustomResourceDefinition":
            versions = {each["name"]: each for each in crd["spec"]["versions"]}
            newest = versions.get("v1") or crd["spec"]["versions"][-1]
            held = newest["schema"]["openAPIV3Schema"]["properties"]
            schemas[crd["spec"]["names"]["kind"]] = _without_rules(held.get("spec", {}))
    file.write_text(json.dumps(schemas), encoding="utf-8")
    return file


def _without_rules(held: object) -> Any:  # noqa: ANN401 (JSON)
    """A schema without its rules, which go by defaults that an API server fills in."""
    if isinstance(held, list):
        return [_without_rules(each) for each in cast("list[object]", held)]
    if isinstance(held, dict):
        fields = cast("dict[str, object]", held)
        kept = {key: fields[key] for key in fields if key != "x-kubernetes-validations"}
        return {key: _without_rules(value) for key, value in kept.items()}
    return held


def _webhook_refusals(body: dict[str, Any], webhook: str) -> Iterator[str]:
    group, _, version = body["apiVersion"].partition("/")
    # An API server fills in the namespace, and the time itself.
    metadata = {"namespace": "default", **body["metadata"], "creationTimestamp": None}
    asked = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": group, "version": version, "kind": body["kind"]},
            "operation": "CREATE",
            "object": {**body, "metadata": metadata},
        },
    }
    request = urllib.request.Request(  # noqa: S310 (of loopback)
        webhook,
        data=json.dumps(asked).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)["response"]
    if not answer["allowed"]:
        yield str(answer.get("status", {}).get("message", ""))
