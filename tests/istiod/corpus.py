"""Objects to compare on: Istio's own samples and test objects, with what these need around them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from petmesh.manifests.declaration import declaration_of
from petmesh.manifests.documents import Document
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh

Body = dict[str, Any]
KINDS: Final = (
    *("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "WorkloadEntry"),
    *("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Telemetry"),
)
_LOCAL: Final = ".svc.cluster.local"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def files(source: Path, part: str) -> Iterator[tuple[str, list[Body]]]:
    """Each file of a part of Istio's source that has objects of Istio, and all of its objects."""
    for file in sorted((source / part).rglob("*.yaml")):
        found = list(objects(file))
        if any(each["kind"] in KINDS for each in found):
            yield str(file.relative_to(source)), found


def objects(file: Path) -> Iterator[Body]:
    """Each object of a file of YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = file.read_text(encoding="utf-8")
        # A template of Go is no YAML yet.
        held: list[Any] = [] if "{{" in text else list(yaml.load_all(text, Loader=loader))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return
    for body in held:
        given = cast("Body", body) if isinstance(body, dict) else Body()
        metadata: Any = given.get("metadata")
        named = isinstance(metadata, dict) and cast("Body", metadata).get("name")
        if named and given.get("kind") and given.get("apiVersion"):
            yield given


def understood(bodies: list[Body]) -> tuple[list[Body], list[tuple[Body, str]]]:
    """The objects of Istio that the rehearsal takes, and those that it refuses with the reason."""
    taken: list[Body] = []
    refused: list[tuple[Body, str]] = []
    for body in bodies:
        if body["kind"] not in KINDS or ".istio.io/" not in body["apiVersion"]:
            continue
        try:
            declared([body])
        except (RefusedError, ValueError, TypeError, AttributeError, KeyError) as error:
            refused.append((body, str(error)))
        else:
            taken.append(body)
    return taken, refused


def mesh_of(taken: list[Body]) -> Mesh:
    """A mesh of these objects, with a caller in each namespace, and a Service for each host."""
    bodies = [*_unique(taken), *_around(taken)]
    return declared(bodies)


def declared(bodies: list[Body]) -> Mesh:
    """The mesh of some objects.

    Raises:
        RefusedError: one is refused.
    """
    return gather(declaration_of([Document("corpus", body) for body in bodies]), assume=True)


def _unique(bodies: list[Body]) -> Iterator[Body]:
    seen: set[tuple[str, str, str]] = set()
    for body in bodies:
        key = (body["kind"], _namespace(body), body["metadata"]["name"])
        if key not in seen:
            seen.add(key)
            yield body


def _namespace(body: Body) -> str:
    return str(body["metadata"].get("namespace") or "default")


def _around(taken: list[Body]) -> Iterator[Body]:
    namespaces = sorted({_namespace(each) for each in taken} - {"istio-system"} | {"default"})
    subsets, ports = _subsets(taken), _ports(taken)
    for namespace in namespaces:
        yield from _workload("caller", namespace, {"app": "caller"}, [])
        yield _service("caller", namespace, {"app": "caller"}, [80, 8080])
    for (namespace, name), versions in subsets.items():
        labels = {"app": name}
        yield _service(name, namespace, labels, sorted({80, *ports.get((namespace, name), ())}))
        yield from _workload(name, namespace, labels, versions)
    for number, (namespace, labels) in enumerate(_selected(taken)):
        if labels.get("app") == "caller":
            continue
        name = f"selected-{number}"
        yield _service(name, namespace, labels, [80, 9000])
        yield from _workload(name, namespace, labels, [])


def _selected(taken: list[Body]) -> list[tuple[str, dict[str, str]]]:
    """The namespaces and labels of workloads that objects select."""
    found: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
    for body in taken:
        spec: Body = body.get("spec") or {}
        held: Body = spec.get("selector") or spec.get("workloadSelector") or {}
        labels = held.get("matchLabels") or held.get("labels")
        if labels and body["kind"] != "Gateway" and "gateway" not in str(labels):
            found[_namespace(body), str(labels)] = (_namespace(body), dict(labels))
    return list(found.values())


def _local(host: object, namespace: str) -> tuple[str, str] | None:
    """The namespace and name of a Service's host; None for another's."""
    parts = str(host).removesuffix(_LOCAL).split(".")
    if "." in str(host) and not str(host).endswith(_LOCAL):
        return None
    if not _NAME.fullmatch(parts[0]) or len(parts) > 2:
        return None
    return (parts[1] if len(parts) > 1 else namespace, parts[0])


def _hosts(held: object, namespace: str) -> Iterator[tuple[tuple[str, str], Body]]:
    if isinstance(held, Mapping):
        body = cast("Body", held)
        found = _local(body["host"], namespace) if isinstance(body.get("host"), str) else None
        if found:
            yield found, body
        for value in body.values():
            yield from _hosts(value, namespace)
    elif isinstance(held, list):
        for each in cast("list[object]", held):
            yield from _hosts(each, namespace)


def _subsets(taken: list[Body]) -> dict[tuple[str, str], list[dict[str, str]]]:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for body in taken:
        namespace = _namespace(body)
        spec: Body = body.get("spec") or {}
        for key, _ in _hosts(spec, namespace):
            found.setdefault(key, [])
        for host in spec.get("hosts", ()) if body["kind"] == "VirtualService" else ():
            local = _local(host, namespace)
            if local and "mesh" in (spec.get("gateways") or ["mesh"]):
                found.setdefault(local, [])
        local = _local(spec.get("host"), namespace) if body["kind"] == "DestinationRule" else None
        if local:
            found[local] += [each.get("labels") or {} for each in spec.get("subsets") or ()]
    # A ServiceEntry with a Service's host would be a second one of the name.
    entries = {
        _local(host, _namespace(body))
        for body in taken
        if body["kind"] == "ServiceEntry"
        for host in cast("Body", body.get("spec") or {}).get("hosts", ())
    }
    return {key: value for key, value in found.items() if key[1] != "caller" and key not in entries}


def _ports(taken: list[Body]) -> dict[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for body in taken:
        for key, held in _hosts(body.get("spec"), _namespace(body)):
            port = held.get("port")
            number = cast("Body", port).get("number") if isinstance(port, dict) else None
            if isinstance(number, int):
                found.setdefault(key, set()).add(number)
    return found


def _service(name: str, namespace: str, labels: dict[str, str], ports: list[int]) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": labels,
            "ports": [{"name": f"http-{port}", "port": port} for port in ports],
        },
    }


def _workload(
    name: str, namespace: str, labels: dict[str, str], versions: list[dict[str, str]]
) -> Iterator[Body]:
    for number, own in enumerate(versions or [{}]):
        held = {**labels, **own}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"{name}-{namespace}-{number}", "namespace": namespace},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": held},
                "template": {
                    "metadata": {"labels": held},
                    "spec": {
                        "serviceAccountName": name,
                        "containers": [{"name": name, "image": name}],
                    },
                },
            },
        }
