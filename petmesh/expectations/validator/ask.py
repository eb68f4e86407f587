"""Who sends a test case's requests: a gateway's caller, or a workload."""

from collections.abc import Iterator, Sequence

from petmesh.envoy.names import MESH_GATEWAY
from petmesh.expectations.model import OUTSIDE, Question
from petmesh.expectations.validator.cases import Case
from petmesh.mesh.istio.networking import GatewayServer
from petmesh.mesh.istio.virtual_service import VirtualService
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.settings import SettingsError

# What stands for the wildcard of a host: the validator wants a VirtualService's host as it is.
_ANY = "sample"
_PORTS = {"http": 80, "https": 443}


def questions(mesh: Mesh, cases: Sequence[Case]) -> Iterator[tuple[Case, Question]]:
    """Yield each request of each case.

    A host that a VirtualService of a gateway has is asked from outside, any other by a workload.

    Raises:
        SettingsError: no workload has a sidecar to ask from.
    """
    for number, case in enumerate(cases):
        for authority, method, uri in case.request.unfolded():
            host = authority.replace("*", _ANY, 1)
            source, url = _asked(mesh, host, uri)
            label = case.description or f"testCases[{number}]"
            question = Question.model_validate(
                {
                    "name": f"{label}: {method} {url}",
                    "from": source,
                    "url": url,
                    "method": method,
                    "headers": case.request.headers,
                }
            )
            yield case, question


def _asked(mesh: Mesh, authority: str, uri: str) -> tuple[str, str]:
    """Return who asks, and the URL."""
    host = authority.partition(":")[0]
    serving = [each for each in mesh.virtual_services if _covers(each.spec.hosts, host)]
    for service in serving:
        for server in _servers(mesh, service, host):
            scheme = "https" if server.port.terminates_tls else "http"
            number = server.port.number
            port = "" if number == _PORTS[scheme] else f":{number}"
            return OUTSIDE, f"{scheme}://{host}{port}{uri}"
    namespaces = [each.metadata.namespace for each in serving]
    callers = [each for each in mesh.workloads if each.in_mesh and each.replicas]
    near = [each for each in callers if each.namespace in namespaces] or callers
    if not near:
        raise SettingsError(f"{authority}: no workload has a sidecar to ask from")
    return f"{near[0].namespace}/{near[0].name}", f"http://{authority}{uri}"


def _servers(mesh: Mesh, service: VirtualService, host: str) -> Iterator[GatewayServer]:
    """Yield the servers of a VirtualService's gateways at which requests to a host are routed."""
    names = {
        name if "/" in name else f"{service.metadata.namespace}/{name}"
        for name in service.spec.gateways
        if name != MESH_GATEWAY
    }
    for gateway in mesh.gateways:
        if f"{gateway.metadata.namespace}/{gateway.metadata.name}" in names:
            for server in gateway.spec.servers:
                hosts = [each.rpartition("/")[2] for each in server.hosts]
                routed = server.port.speaks_http and not server.tls.https_redirect
                if routed and not server.tls.passes and _covers(hosts, host):
                    yield server


def _covers(patterns: Sequence[str], host: str) -> bool:
    return any(
        pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))
        for pattern in patterns
    )
