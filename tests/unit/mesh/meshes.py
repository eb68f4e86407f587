"""Meshes to translate: what the local stack declares, with changes, and where its pods are."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology
from petmesh.host.pki import Leaf
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import local, manifest

DETAILS = "petdetailsservice.pets.svc.cluster.local"
PETS = "petservice.pets.svc.cluster.local"
DOG_API = "api.thedogapi.com"
Change = Callable[[Any], object]


def mesh(**config: str) -> Mesh:
    """What the local stack declares, with some keys set."""
    return gather(local(**config))


def changed(kind: str, name: str, change: Change, **config: str) -> Mesh:
    """The same with one object's inputs changed in place by `change`."""
    return gather(with_change(kind, name, change, **config))


def with_change(kind: str, name: str, change: Change, **config: str) -> Declaration:
    """The declaration with one object's inputs changed in place by `change`."""
    declaration = local(**config)
    return _with(declaration, manifest(declaration, kind, name), change)


def with_values(release: str, change: Change, **config: str) -> Declaration:
    """The declaration with a Helm release's inputs changed in place by `change`."""
    declaration = local(**config)
    return _with(declaration, declaration.one("kubernetes:helm.sh/v3:Release", release), change)


def _with(declaration: Declaration, resource: Resource, change: Change) -> Declaration:
    inputs = copy.deepcopy(dict(resource.inputs))
    change(inputs)
    changed_resource = replace(resource, inputs=inputs)
    resources = tuple(changed_resource if r is resource else r for r in declaration.resources)
    return replace(declaration, resources=resources)


def identity(account: str, namespace: str = "pets") -> Identity:
    uri = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
    return Identity(uri, Path(f"/pki/{account}.pem"), Path(f"/pki/{account}.key"))


def pod(service: str, version: str, port: int) -> Pod:
    return Pod(
        name=f"{service}-{version}-0",
        workload=f"{service}-{version}",
        namespace="pets",
        labels={"app": service, "version": version},
        service_account=service,
        identity=identity(service),
        app_port=port,
        inbound_port=port + 1,
        outbound_port=port + 2,
    )


PODS = (
    pod("petservice", "v1", 1000),
    pod("petdetailsservice", "v1", 2000),
    pod("petdetailsservice", "v2", 3000),
    pod("petmedicalhistoryservice", "v1", 4000),
)
EGRESS = GatewayPod(
    name="istio-egressgateway",
    namespace="istio-egress",
    labels={"app": "istio-egressgateway", "istio": "egressgateway"},
    identity=identity("istio-egressgateway", "istio-egress"),
    ports={443: 9443},
)
TOPOLOGY = Topology(
    pods=PODS,
    trust=Path("/pki/mesh.pem"),
    outside_trust=Path("/pki/outside.pem"),
    gateways=(EGRESS,),
    outside={DOG_API: 9999},
    certificates={"ingress-tls": Leaf(Path("/pki/ingress.pem"), Path("/pki/ingress.key"))},
)
INGRESS = GatewayPod(
    name="istio-ingressgateway",
    namespace="istio-ingress",
    labels={"app": "istio-ingressgateway", "istio": "ingressgateway"},
    identity=identity("istio-ingressgateway", "istio-ingress"),
    ports={80: 8080, 443: 8443},
)
