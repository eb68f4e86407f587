"""Whose identity the pod of an expectation's source has."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from petmesh.envoy.callers import Caller as Routing
from petmesh.envoy.names import full_host
from petmesh.envoy.routes import HTTP_PORT, covers, outbound_routes
from petmesh.envoy.sidecar_scope import visible_to
from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.live.caller_pod import Caller
from petmesh.expectations.model import UNMESHED, Question
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.program.declaration import Declaration
from petmesh.rehearsal.settings import SettingsError

_DAEMON: Final = "kubernetes:apps/v1:DaemonSet"


def caller_of(declaration: Declaration, mesh: Mesh, question: Question) -> Caller:
    """Return the caller that a question's source names.

    Raises:
        NotAskedError: a pod with its labels would disturb what runs.
        SettingsError: there is no such workload, or none of the URL's Service.
    """
    if question.source == UNMESHED:
        namespace = _called_namespace(mesh, question)
        return Caller(namespace, "default", {}, "caller", meshed=False)
    workload = _workload(mesh, question.source)
    _check_labels(declaration, mesh, workload)
    return Caller(
        workload.namespace,
        workload.service_account,
        workload.labels,
        workload.container.name,
        meshed=workload.in_mesh,
    )


def is_unknown(mesh: Mesh, caller: Caller, question: Question) -> bool:
    """Return whether a caller's sidecar knows no host of a question's URL.

    A rehearsal answers 502 then. In a cluster istiod does so at a port where some host is known;
    at any other the connection is reset.
    """
    parts = urlsplit(question.url)
    view = visible_to(mesh, caller.namespace, caller.labels)
    routes = outbound_routes(view, Routing(caller.namespace, caller.labels))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else HTTP_PORT)
    names = {f"{host}:{port}", *([host] if port == HTTP_PORT else [])}
    domains = {each for host in routes["virtual_hosts"] for each in host["domains"]} - {"*"}
    return not any(covers(domain, name) for domain in domains for name in names)


def _workload(mesh: Mesh, name: str) -> Workload:
    for each in mesh.workloads:
        if name in (each.name, f"{each.namespace}/{each.name}"):
            return each
    known = ", ".join(sorted(each.name for each in mesh.workloads)) or "none"
    raise SettingsError(f"from = {name}: must be one of outside, unmeshed, {known}")


def _check_labels(declaration: Declaration, mesh: Mesh, workload: Workload) -> None:
    """Raise a NotAskedError where pods of a workload's labels get more than requests of a Service.

    A DaemonSet adopts every pod that its selector fits, and deletes one that is too many.
    """
    for resource in declaration.of_type(_DAEMON):
        metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
        named = (metadata.get("namespace"), metadata.get("name"))
        if named == (workload.namespace, workload.name):
            raise NotAskedError("from: a DaemonSet would take the pod for its own")
    for service in mesh.services:
        own = service.metadata.namespace == workload.namespace
        sends = service.spec.publish_not_ready_addresses
        if sends and own and service.spec.selects(workload.labels):
            name = service.metadata.name
            raise NotAskedError(f"from: Service {name} sends requests to pods that aren't ready")


def _called_namespace(mesh: Mesh, question: Question) -> str:
    host = urlsplit(question.url).hostname or ""
    for service in mesh.services:
        name, namespace = service.metadata.name, service.metadata.namespace
        if host in (name, f"{name}.{namespace}", full_host(name, namespace)):
            return namespace
    raise SettingsError(f"url = {question.url}: no Service is named so")
