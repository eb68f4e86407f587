"""An API server of Kubernetes that only reads: the Services, pods and namespaces of a mesh.

istiod asks for lists and watches them. Nothing changes while it runs, so a watch has no event but
the one that ends the initial list.
https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from petmesh.host.ports import LOOPBACK

Object = dict[str, Any]
_VERSION: Final = "1"
_END: Final = {"k8s.io/initial-events-end": "true"}
# What istiod lists, by the last part of the path.
_KINDS: Final[Mapping[str, str]] = {
    "namespaces": "Namespace",
    "services": "Service",
    "pods": "Pod",
    "nodes": "Node",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount",
    "endpointslices": "EndpointSlice",
    "ingresses": "Ingress",
    "ingressclasses": "IngressClass",
    "customresourcedefinitions": "CustomResourceDefinition",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}


class ApiServer:
    """Serves objects on loopback.

    Args:
        port: of this machine.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._objects: dict[str, list[Object]] = {}
        self._runner: web.AppRunner | None = None
        self._ended = asyncio.Event()

    async def start(self, objects: Iterable[Object]) -> None:
        """Serve these objects."""
        self._ended = asyncio.Event()
        self._objects = {}
        for each in objects:
            self._objects.setdefault(each["kind"], []).append(each)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()

    async def stop(self) -> None:
        """Serve nothing any more."""
        self._ended.set()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        *_, last = request.path.split("/")
        kind = _KINDS.get(last)
        if kind is None:
            status = {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404}
            return web.json_response({**status, "status": "Failure"}, status=404)
        _, api, first, second, *_ = [*request.path.split("/"), ""]
        version = first if api == "api" else f"{first}/{second}"
        if "PartialObjectMetadata" in request.headers.get("Accept", ""):
            kind, version = "PartialObjectMetadata", "meta.k8s.io/v1"
        held = self._objects.get(_KINDS[last], [])
        if "watch" in request.query:
            return await self._watch(request, kind, version, held)
        return web.json_response(
            {
                "kind": f"{kind}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": _VERSION},
                "items": held,
            }
        )

    async def _watch(
        self, request: web.Request, kind: str, version: str, held: list[Object]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if "sendInitialEvents" in request.query:
            mark = {"resourceVersion": _VERSION, "annotations": _END}
            end = {"kind": kind, "apiVersion": version, "metadata": mark}
            events = [{"type": "ADDED", "object": each} for each in held]
            for event in [*events, {"type": "BOOKMARK", "object": end}]:
                await response.write(json.dumps(event).encode() + b"\n")
        await self._ended.wait()
        return response


def kubeconfig(port: int) -> Object:
    """Return the kubeconfig of an API server on loopback."""
    named = {"name": "rehearsal"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": {"server": f"http://{LOOPBACK}:{port}"}}],
        "users": [{**named, "user": {}}],
        "contexts": [{**named, "context": {"cluster": "rehearsal", "user": "rehearsal"}}],
        "current-context": "rehearsal",
    }
