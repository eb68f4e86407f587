"""Meshes written as Kubernetes YAML."""

from pathlib import Path

from petmesh.manifests.declaration import declare_manifests
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: main}, {name: http-admin, port: 9000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v1}
spec:
  replicas: 2
  selector: {matchLabels: {app: web, version: v1}}
  template:
    metadata: {labels: {app: web, version: v1}}
    spec:
      serviceAccountName: web
      containers:
      - name: web
        image: shop/web:1
        ports: [{name: main, containerPort: 8080}, {containerPort: 9000}]
"""
GATEWAY = """
apiVersion: networking.istio.io/v1beta1
kind: Gateway
metadata: {name: public}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [shop.example.com]
  gateways: [public]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
"""


def read(folder: Path, *texts: str, lenient: bool = False) -> Mesh:
    """The mesh of a file in which the texts are documents."""
    file = folder / "mesh.yaml"
    file.write_text("\n---\n".join(texts))
    return gather(declare_manifests(str(file)), assume=True, lenient=lenient)


def omitted(mesh: Mesh) -> dict[str, tuple[str, ...]]:
    """The objects of each omission."""
    return {each.what: each.objects for each in mesh.omissions}
