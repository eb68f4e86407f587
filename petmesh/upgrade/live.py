"""What an upgrade would break in a live cluster: the questions of `istioctl x precheck`, and more.

Source:
    https://istio.io/latest/docs/reference/commands/istioctl/#istioctl-experimental-precheck
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from petmesh.mesh.istio import minor
from petmesh.upgrade.cluster import Cluster, ClusterError
from petmesh.upgrade.declared import REVISION, Istiod, check_namespace
from petmesh.upgrade.findings import OLDEST_PROXY, SUPPORTED, Finding, minors_between, parsed
from petmesh.upgrade.objects import GROUPS, check_object

_ROOT: Final = "istio-system"
_CRDS: Final = "customresourcedefinitions.apiextensions.k8s.io"
# What Istio's charts create.
_CREATED: Final = (
    "namespaces",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    _CRDS,
    "roles.rbac.authorization.k8s.io",
    "serviceaccounts",
    "services",
    "deployments.apps",
    "configmaps",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)
_GATEWAY_API: Final = "gateway.networking.k8s.io"
_STABLE: Final = ("Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute")
_PROXY: Final = "istio-proxy"
_KUBERNETES: Final = re.compile(r"v?1\.(\d+)")


def check_live(
    cluster: Cluster, installed: Sequence[Istiod], rolled: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield what the istiods that a stack declares would break in a cluster, and what isn't known.

    Args:
        cluster: where they are to be installed.
        installed: the istiods that will be there.
        rolled: the namespaces whose pods are replaced in the same up.
    """
    questions = {
        "kubernetes": _kubernetes(cluster, installed),
        "permissions": _permissions(cluster),
        "gateway api": _gateway_api(cluster),
        "objects": _objects(cluster, installed),
        "namespaces": _namespaces(cluster, installed),
        "proxies": _proxies(cluster, installed),
        "revisions": _revisions(cluster, installed, rolled),
    }
    for question, answers in questions.items():
        try:
            yield from answers
        except ClusterError as error:
            yield Finding("cluster", f"{question}: not known: {error}")


def _kubernetes(cluster: Cluster, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """A version of Kubernetes that Istio doesn't run on."""
    version = cluster.version()
    found = _KUBERNETES.match(version)
    if not found:
        raise ClusterError(f"its version of Kubernetes is {version}")
    for each in installed:
        known = SUPPORTED.get(minor(each.version))
        if known and int(found[1]) < known.oldest_kubernetes:
            yield Finding(
                "cluster",
                f"Kubernetes is {version}: Istio {each.version} needs "
                f"1.{known.oldest_kubernetes} or later",
            )


def _permissions(cluster: Cluster) -> Iterator[Finding]:
    """Kinds of which the charts create objects, and the user mayn't."""
    for kind in _CREATED:
        if not cluster.may_create(kind, _ROOT):
            yield Finding("cluster", f"you may not create {kind} in {_ROOT}, as the charts do")


def _gateway_api(cluster: Cluster) -> Iterator[Finding]:
    """CRDs of the Gateway API that are older than Istio reads."""
    for crd in cluster.items(_CRDS):
        spec: Mapping[str, Any] = crd["spec"]
        served = [each["name"] for each in spec["versions"] if each["served"]]
        kind = spec["names"]["kind"]
        if spec["group"] == _GATEWAY_API and kind in _STABLE and "v1" not in served:
            yield Finding(
                f"CustomResourceDefinition {crd['metadata']['name']}",
                f"serves {', '.join(served)} and no v1, which Istio reads: upgrade it first",
            )


def _objects(cluster: Cluster, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """Istio's objects in the cluster, whoever owns them."""
    kinds = [
        f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
        for crd in cluster.items(_CRDS)
        if crd["spec"]["group"] in GROUPS
    ]
    versions = [each.version for each in installed if minor(each.version) in SUPPORTED]
    for held in (each for kind in kinds for each in cluster.items(kind)):
        for version in versions:
            yield from check_object(held, version)


def _namespaces(cluster: Cluster, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """Namespaces, whoever owns them, whose pods no istiod would inject."""
    for each in cluster.items("namespaces"):
        yield from check_namespace(each["metadata"], installed)


def _proxies(cluster: Cluster, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """Pods whose proxies no istiod would serve: they are too old, or newer than each."""
    versions = [version for version in (parsed(each.version) for each in installed) if version]
    for pod in cluster.items("pods") if versions else ():
        text = _proxy(pod)
        if text is None:
            continue
        metadata = pod["metadata"]
        subject = f"Pod {metadata['namespace']}/{metadata['name']}"
        version = parsed(text)
        if not version:
            yield Finding(subject, f"its proxy's image has the tag {text}: its version isn't known")
        elif version.minor > max(versions).minor:
            newest = max(versions)
            yield Finding(subject, f"its proxy of {version} is newer than the istiod of {newest}")
        elif minors_between(version, min(versions)) > OLDEST_PROXY:
            yield Finding(
                subject,
                f"its proxy of {version} is more than {OLDEST_PROXY} minor versions older than "
                f"the istiod of {min(versions)}: restart it first",
            )


def _revisions(
    cluster: Cluster, installed: Sequence[Istiod], rolled: Collection[str]
) -> Iterator[Finding]:
    """Pods whose proxies are configured by an istiod that would be gone."""
    known = {each.revision for each in installed}
    for pod in cluster.items("pods"):
        metadata = pod["metadata"]
        annotations: Mapping[str, str] = metadata.get("annotations") or {}
        revision = annotations.get(REVISION)
        if _proxy(pod) is None or revision is None or metadata["namespace"] in rolled:
            continue
        if revision not in known:
            yield Finding(
                f"Pod {metadata['namespace']}/{metadata['name']}",
                f"its proxy is of the revision {revision}, whose istiod isn't declared: move its "
                "namespace and restart it first",
            )


def _proxy(pod: Mapping[str, Any]) -> str | None:
    """The tag of the image of a pod's proxy; None for a pod without one."""
    spec: Mapping[str, Any] = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if container["name"] == _PROXY:
            return str(container["image"]).partition("@")[0].rpartition(":")[2]
    return None
