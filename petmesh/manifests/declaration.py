"""Kubernetes objects as a declaration, in the form of what a Pulumi program declares."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from petmesh.manifests.documents import Document, ManifestError, read_documents
from petmesh.program.declaration import Declaration, Resource

DEFAULT_NAMESPACE: Final = "default"
# Versions of a group that Istio and Kubernetes serve with the fields of the one on the right.
_SERVED: Final = {
    "networking.istio.io/v1alpha3": "networking.istio.io/v1",
    "networking.istio.io/v1beta1": "networking.istio.io/v1",
    "security.istio.io/v1beta1": "security.istio.io/v1",
    "telemetry.istio.io/v1alpha1": "telemetry.istio.io/v1",
    "gateway.networking.k8s.io/v1alpha2": "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1alpha3": "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1beta1": "gateway.networking.k8s.io/v1",
    "autoscaling/v1": "autoscaling/v2",
    "autoscaling/v2beta2": "autoscaling/v2",
    "apps/v1beta1": "apps/v1",
    "apps/v1beta2": "apps/v1",
}
_KEPT: Final = ("networking.istio.io/v1alpha3:EnvoyFilter",)
# What the API server adds to an object's metadata, as `kubectl get -o yaml` prints it.
_SERVED_METADATA: Final = (
    *("uid", "resourceVersion", "generation", "managedFields", "selfLink"),
    *("ownerReferences", "finalizers", "generateName"),
)
_CLUSTER_WIDE: Final = ("Namespace", "GatewayClass")


def declare_manifests(*paths: str) -> Declaration:
    """Read Kubernetes YAML and return its objects as declared resources.

    Args:
        paths: files and folders, or `-` for standard input.

    Raises:
        ManifestError: a path can't be read, a document is no object, or two are of one name.
    """
    documents = [document for path in paths for document in read_documents(path)]
    return declaration_of(documents)


def declaration_of(documents: Sequence[Document]) -> Declaration:
    """Return objects as declared resources.

    Raises:
        ManifestError: two objects of a kind have the same name and differ.
    """
    found: dict[str, tuple[Document, Resource]] = {}
    problems: list[str] = []
    for document in documents:
        resource = _resource(document.body)
        other = found.setdefault(resource.urn, (document, resource))
        if other[0].body != document.body:
            sources = dict.fromkeys((other[0].source, document.source))
            where = " and ".join(sources)
            problems.append(f"{_label(document.body)}: is there twice, in {where}")
    if problems:
        raise ManifestError("\n".join(problems))
    return Declaration(
        project="manifests",
        stack="",
        preview=False,
        config={},
        resources=tuple(resource for _, resource in found.values()),
        outputs={},
        secret_outputs=frozenset(),
        warnings=(),
    )


def _resource(body: Mapping[str, Any]) -> Resource:
    kind, metadata = str(body["kind"]), dict(body["metadata"])
    for key in _SERVED_METADATA:
        metadata.pop(key, None)
    version = str(body["apiVersion"])
    if f"{version}:{kind}" not in _KEPT:
        version = _SERVED.get(version, version)
    if kind not in _CLUSTER_WIDE:
        metadata["namespace"] = metadata.get("namespace") or DEFAULT_NAMESPACE
    type_ = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    name = str(metadata["name"])
    return Resource(
        type=type_,
        name=name,
        urn=f"{type_}::{metadata.get('namespace', '')}/{name}",
        parent="",
        custom=True,
        inputs={**{k: v for k, v in body.items() if k != "status"}, "metadata": metadata},
        outputs={"metadata": metadata},
    )


def _label(body: Mapping[str, Any]) -> str:
    metadata: Mapping[str, Any] = body["metadata"]
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    return f"{body['kind']} {namespace}/{metadata['name']}"
