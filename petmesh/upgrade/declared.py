"""What an upgrade would break, by the objects that a stack declares."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from petmesh.manifests.charts import chart_version
from petmesh.mesh.istio import minor
from petmesh.program.declaration import Declaration, Resource
from petmesh.upgrade.findings import OLDEST_PROXY, SUPPORTED, Finding, minors_between, parsed
from petmesh.upgrade.objects import GROUPS, check_object

_RELEASE: Final = "kubernetes:helm.sh/v3:Release"
_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
REVISION: Final = "istio.io/rev"
INJECTION: Final = "istio-injection"
DEFAULT: Final = "default"


@dataclass(frozen=True)
class Istiod:
    """An istiod that a stack declares.

    Attributes:
        name: its release's.
        revision: its revision's name; `default` where it has none.
        version: its charts'.
        tags: other names of the revision.
    """

    name: str
    revision: str
    version: str
    tags: Sequence[str]


def istiods(declaration: Declaration) -> Sequence[Istiod]:
    """Return the istiods that a stack declares, in the order of their declaration."""
    found: list[Istiod] = []
    for each in declaration.of_type(_RELEASE):
        if _chart(each) == "istiod":
            values: Mapping[str, Any] = each.inputs.get("values") or {}
            revision, tags = str(values.get("revision") or DEFAULT), values.get("revisionTags")
            version = _version_of(each)
            found.append(Istiod(str(each.outputs["name"]), revision, version, tags or ()))
    return found


def rolled_namespaces(declaration: Declaration) -> Collection[str]:
    """Return the namespaces whose pods an up replaces itself: it declares their workloads."""
    gateways = (each for each in declaration.of_type(_RELEASE) if _chart(each) == "gateway")
    deployments = declaration.of_type(_DEPLOYMENT)
    return {
        *(str(each.inputs["namespace"]) for each in gateways),
        *(str(each.inputs["metadata"].get("namespace")) for each in deployments),
    }


def check_declared(declaration: Declaration) -> Iterator[Finding]:
    """Yield what the istiods that a stack declares would break of what it declares."""
    installed = istiods(declaration)
    if not installed:
        yield Finding("stack", "declares no release of the chart istiod: there is nothing to check")
    for istiod in installed:
        yield from _version(istiod)
        if minor(istiod.version) in SUPPORTED:
            for resource in declaration.resources:
                if resource.inputs.get("apiVersion", "").partition("/")[0] in GROUPS:
                    yield from check_object(resource.inputs, istiod.version)
    yield from _charts(declaration, installed)
    yield from _namespaces(declaration, installed)


def _version(istiod: Istiod) -> Iterator[Finding]:
    if minor(istiod.version) not in SUPPORTED:
        known = ", ".join(SUPPORTED)
        shown = istiod.version or "of the charts, which isn't declared"
        yield Finding(
            f"Release {istiod.name}",
            f"version {shown}: nothing is known of it: it must be one of {known}",
        )


def _charts(declaration: Declaration, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """CRDs and the CNI plugin, which all istiods share, and the gateways' proxies."""
    versions = [each for each in map(parsed, (one.version for one in installed)) if each]
    for release in declaration.of_type(_RELEASE):
        chart, version = _chart(release), parsed(_version_of(release))
        subject = f"Release {release.outputs['name']}"
        if not version or not versions:
            continue
        newest, oldest = max(versions), min(versions)
        if chart == "base" and version < newest:
            yield Finding(subject, f"CRDs of {version} are older than the istiod of {newest}")
        if chart == "cni" and abs(minors_between(version, oldest)) > 1:
            yield Finding(subject, f"{version} doesn't serve the proxies of {oldest}")
        if chart == "gateway" and version > newest:
            yield Finding(subject, f"{version} is newer than the istiod of {newest}")
    if versions and minors_between(min(versions), max(versions)) > OLDEST_PROXY:
        yield Finding(
            "stack", f"from {min(versions)} to {max(versions)} are more than {OLDEST_PROXY} minors"
        )


def _namespaces(declaration: Declaration, installed: Sequence[Istiod]) -> Iterator[Finding]:
    """Namespaces whose pods no istiod would inject."""
    for each in declaration.resources:
        if each.type == "kubernetes:core/v1:Namespace":
            metadata: Mapping[str, Any] = each.inputs.get("metadata") or {}
            yield from check_namespace(metadata, installed)


def check_namespace(metadata: Mapping[str, Any], installed: Sequence[Istiod]) -> Iterator[Finding]:
    """Yield that a namespace's pods would get no proxy, though its labels ask for one.

    Args:
        metadata: the namespace's.
        installed: the istiods that will be there.
    """
    labels: Mapping[str, str] = metadata.get("labels") or {}
    known = {name for each in installed for name in (each.revision, *each.tags)}
    asked = labels.get(REVISION)
    if labels.get(INJECTION) == "enabled":
        label, wanted = f"{INJECTION}: enabled", DEFAULT
    elif asked and labels.get(INJECTION) is None:
        label, wanted = f"{REVISION}: {asked}", asked
    else:
        return
    if wanted not in known:
        names = ", ".join(sorted(known)) or "none"
        yield Finding(
            f"Namespace {metadata.get('name')}",
            f"{label}: its new pods would get no proxy: label it {REVISION} with a revision that "
            f"is declared, which is {names}",
        )


def _version_of(release: Resource) -> str:
    """The version of a release's chart, be it declared or its folder's; empty where neither is."""
    if declared := release.inputs.get("version"):
        return str(declared)
    return chart_version(Path(str(release.inputs["chart"])))


def _chart(release: Resource) -> str:
    return str(release.inputs["chart"]).rstrip("/").rpartition("/")[2]
