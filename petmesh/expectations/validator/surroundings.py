"""What VirtualServices alone lack for a request to be sent to them: a caller, and Gateways."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from petmesh.manifests.declaration import declaration_of
from petmesh.manifests.documents import Document
from petmesh.program.declaration import Declaration, Resource

CALLER: Final = "caller"
_MESH: Final = "mesh"
_NETWORKING: Final = "kubernetes:networking.istio.io/v1"
_WORKLOADS: Final = tuple(
    f"kubernetes:{kind}"
    for kind in ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "core/v1:Pod")
)
_INGRESS: Final = {"istio": "ingressgateway"}


def surrounded(declaration: Declaration) -> Declaration:
    """Return a declaration with what its VirtualServices need, and a warning of what was added.

    A caller is added where no workload is declared, and each Gateway that a VirtualService names
    and nobody declares: for its hosts, in plain HTTP at port 80.
    """
    documents = [*_gateways(declaration), *_caller(declaration)]
    added = declaration_of([Document("assumed", body) for body in documents]).resources
    lines = tuple(
        f"{each.type.rpartition(':')[2]} {_full_name(each)} isn't declared: it is assumed"
        for each in added
    )
    resources, warnings = declaration.resources, declaration.warnings
    return replace(declaration, resources=(*resources, *added), warnings=(*warnings, *lines))


def _virtual_services(declaration: Declaration) -> list[Resource]:
    return list(declaration.of_type(f"{_NETWORKING}:VirtualService"))


def _gateways(declaration: Declaration) -> Iterator[dict[str, Any]]:
    declared = {_full_name(each) for each in declaration.of_type(f"{_NETWORKING}:Gateway")}
    hosts: dict[str, list[str]] = {}
    for service in _virtual_services(declaration):
        spec = _spec(service)
        namespace = _full_name(service).partition("/")[0]
        for name in _texts(spec.get("gateways")):
            full = name if "/" in name else f"{namespace}/{name}"
            if name != _MESH and full not in declared:
                hosts.setdefault(full, []).extend(_texts(spec.get("hosts")))
    for full, names in hosts.items():
        namespace, _, name = full.partition("/")
        server = {
            "port": {"number": 80, "name": "http", "protocol": "HTTP"},
            "hosts": list(dict.fromkeys(names)),
        }
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": _INGRESS, "servers": [server]},
        }


def _caller(declaration: Declaration) -> Iterator[dict[str, Any]]:
    if any(each.type in _WORKLOADS for each in declaration.resources):
        return
    services = _virtual_services(declaration)
    namespace = _full_name(services[0]).partition("/")[0] if services else "default"
    labels = {"app": CALLER}
    container = {"name": CALLER, "image": CALLER, "ports": [{"containerPort": 8080}]}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": CALLER, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": {**labels, "sidecar.istio.io/inject": "true"}},
                "spec": {"serviceAccountName": CALLER, "containers": [container]},
            },
        },
    }


def _spec(resource: Resource) -> Mapping[str, Any]:
    spec: object = resource.inputs.get("spec")
    return cast("Mapping[str, Any]", spec) if isinstance(spec, Mapping) else {}


def _texts(value: object) -> list[str]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [each for each in items if isinstance(each, str)]


def _full_name(resource: Resource) -> str:
    metadata: Mapping[str, Any] = resource.inputs["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"
