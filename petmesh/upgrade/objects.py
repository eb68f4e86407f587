"""Istio's objects, declared or live, against what another version of Istio knows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from petmesh.mesh.crds.check import dropped, problems
from petmesh.mesh.istio import minor
from petmesh.upgrade.findings import SUPPORTED, Finding

GROUPS: Final = ("networking.istio.io", "security.istio.io", "telemetry.istio.io")


def check_object(held: Mapping[str, Any], version: str) -> Iterator[Finding]:
    """Yield what a version of Istio would refuse or drop of one of Istio's objects.

    Args:
        held: the object, with `kind`, `metadata` and `spec`.
        version: of Istio, of a minor version that is supported.
    """
    kind = str(held["kind"])
    metadata: Mapping[str, Any] = held.get("metadata") or {}
    spec: Mapping[str, Any] = held.get("spec") or {}
    subject = f"{kind} {metadata.get('namespace', 'default')}/{metadata.get('name', '')}"
    schemas = SUPPORTED[minor(version)].schemas
    for field in dropped(kind, spec, schemas):
        yield Finding(subject, f"{field}: the CRDs of Istio {version} don't know it, and drop it")
    for problem in problems(kind, spec, schemas):
        yield Finding(subject, f"{problem}: the CRDs of Istio {version} refuse it")
    if kind == "EnvoyFilter":
        yield from _filters(subject, spec, version)


def _filters(subject: str, spec: Mapping[str, Any], version: str) -> Iterator[Finding]:
    """Patches that are for proxies of other versions alone."""
    for index, patch in enumerate(spec.get("configPatches") or ()):
        pattern = ((patch.get("match") or {}).get("proxy") or {}).get("proxyVersion")
        if pattern and not _fits(pattern, version):
            yield Finding(
                subject,
                f"spec.configPatches[{index}].match.proxy.proxyVersion = {pattern}: it isn't "
                f"applied to proxies of {version}",
            )


def _fits(pattern: str, version: str) -> bool:
    """Whether a pattern of the RE2 kind matches; one that Python can't read fits none."""
    try:
        return bool(re.search(pattern, version))
    except re.error:
        return False
