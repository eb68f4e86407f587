"""Envoy's configuration of meshes written as YAML."""

from pathlib import Path
from typing import Any

from petmesh.envoy.proxy import ProxyFiles
from tests.unit.manifests.inputs import read
from tests.unit.manifests.topologies import Laid

WEB = "web.default.svc.cluster.local"
MESH = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: grpc, port: 9090}, {name: tcp-db, port: 5432}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, version: v1}}
    spec: {serviceAccountName: web, containers: [{name: web, image: web}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client, tier: test}}
    spec: {containers: [{name: client, image: client}]}
"""  # noqa: E501 (one line reads best)


def istio(kind: str, name: str, spec: str, group: str = "networking") -> str:
    """An object of Istio's; the spec is YAML in flow style."""
    head = f"apiVersion: {group}.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {spec}"


def http(routes: str, hosts: str = "[web]", more: str = "") -> str:
    """A VirtualService of routes."""
    return istio("VirtualService", "web", f"{{hosts: {hosts}, http: {routes}{more}}}")


def laid(folder: Path, *texts: str) -> Laid:
    return Laid(read(folder, MESH, *texts), folder)


def client(folder: Path, *texts: str) -> ProxyFiles:
    """The configuration of the client's sidecar."""
    return laid(folder, *texts).sidecar("client")


def routes(files: ProxyFiles, host: str = WEB, port: int = 80) -> list[Any]:
    """The routes of a host's port."""
    [found] = [
        each
        for each in files.routes["http_proxy"]["virtual_hosts"]
        if each["name"] == f"{host}:{port}"
    ]
    return found["routes"]


def cluster(files: ProxyFiles, name: str) -> Any:  # noqa: ANN401 (data)
    [found] = [each for each in files.clusters if each["name"] == name]
    return found


def listener(files: ProxyFiles, name: str) -> Any:  # noqa: ANN401 (data)
    [found] = [each for each in files.listeners if each["name"] == name]
    return found
