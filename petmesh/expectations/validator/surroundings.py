"""What VirtualServices alone lack for a request to reach them: a caller, Gateways and hosts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from petmesh.envoy.names import MESH_GATEWAY, full_host
from petmesh.manifests.declaration import declaration_of
from petmesh.manifests.documents import Document
from petmesh.mesh.mesh import CLUSTER_DOMAIN
from petmesh.program.declaration import Declaration, Resource

CALLER: Final = "caller"
_NETWORKING: Final = "kubernetes:networking.istio.io/v1"
_WORKLOADS: Final = tuple(
    f"kubernetes:{kind}"
    for kind in ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "core/v1:Pod")
)
_INGRESS: Final = {"istio": "ingressgateway"}


def surrounded(declaration: Declaration) -> Declaration:
    """Return a declaration with what its VirtualServices need, and a warning of what was added.

    A caller is added where no workload is declared, and what a VirtualService names and nobody
    declares: a Gateway for its hosts, and a Service or ServiceEntry for each host that it has in
    the mesh alone, since a sidecar routes at known hosts' ports alone; in plain HTTP at port 80.
    """
    documents = [*_gateways(declaration), *_hosts(declaration), *_caller(declaration)]
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
            if name != MESH_GATEWAY and full not in declared:
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


def _hosts(declaration: Declaration) -> Iterator[dict[str, Any]]:
    entries = declaration.of_type(f"{_NETWORKING}:ServiceEntry")
    known = {host for each in entries for host in _texts(_spec(each).get("hosts"))}
    for service in declaration.of_type("kubernetes:core/v1:Service"):
        namespace, _, name = _full_name(service).partition("/")
        known.add(full_host(name, namespace))
    for service in _virtual_services(declaration):
        namespace = _full_name(service).partition("/")[0]
        if {*_texts(_spec(service).get("gateways"))} <= {MESH_GATEWAY}:
            for name in _texts(_spec(service).get("hosts")):
                host = full_host(name, namespace)
                if host not in known and host != "*":
                    known.add(host)
                    yield _host(host, namespace)


def _host(host: str, namespace: str) -> dict[str, Any]:
    name, _, rest = host.partition(".")
    own, _, domain = rest.partition(".")
    if domain == f"svc.{CLUSTER_DOMAIN}" and name != "*":
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": own},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": host.replace("*", "any"), "namespace": namespace},
        "spec": {
            "hosts": [host],
            "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
            "resolution": "NONE",
        },
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
