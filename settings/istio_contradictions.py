"""What contradicts the keys of Istio's versions."""

import json
import re
from collections.abc import Iterator

from istio.egress_gateway import EGRESS_NAMESPACE
from istio.install import INGRESS_NAMESPACE
from settings.forms import ISTIO_VERSION, has_charts, istio_chart_version
from settings.keys import Settings

# Istio's CNI plugin, which both istiods share, serves those of two minor versions.
_MINORS_APART = 1


def istio_problems(settings: Settings) -> Iterator[str]:
    """One line for each problem that a stack's settings have with the versions of Istio."""
    stable, canary = settings.istio_release, settings.istio_canary_version
    problems = [*_chart_problems(settings)]
    yield from problems
    if settings.istio_upgrades == "byRevision" and not _is_version(stable):
        yield (
            f"istioUpgrades = byRevision: needs charts of a version such as 1.31.1, of which a "
            f"revision can be named; that of {settings.istio_charts} is {stable}"
        )
    if canary == stable:
        yield f"istioCanaryVersion = {canary}: must differ from istioVersion"
    elif canary and not problems and abs(_minor(canary) - _minor(stable)) > _MINORS_APART:
        yield (
            f"istioCanaryVersion = {canary}: must be at most {_MINORS_APART} minor version away "
            f"from istioVersion = {stable}"
        )
    yield from _namespace_problems(settings)


def _chart_problems(settings: Settings) -> Iterator[str]:
    """Versions of which a folder of charts has none."""
    stable, canary = settings.istio_release, settings.istio_canary_version
    for key, version in (("istioVersion", stable), ("istioCanaryVersion", canary)):
        folder = settings.charts_of(version)
        if not version or "://" in folder:
            continue
        if not has_charts(folder) or istio_chart_version(folder) != version:
            yield (
                f"{key} = {version}: must be a version whose charts are in a folder of its name in "
                f"istioCharts = {settings.istio_charts}"
            )


def _namespace_problems(settings: Settings) -> Iterator[str]:
    moved = settings.istio_canary_namespaces
    if moved and not settings.istio_canary_version:
        yield (
            f"istioCanaryNamespaces = {json.dumps(moved)}: must be empty while istioCanaryVersion "
            "is empty"
        )
        return
    gateways = [EGRESS_NAMESPACE] if settings.egress_gateway else []
    known = [*settings.hosts, INGRESS_NAMESPACE, *gateways]
    for each in moved:
        if each not in known:
            yield f"istioCanaryNamespaces = {each}: must be one of {', '.join(known)}"


def _is_version(text: str) -> bool:
    return bool(re.fullmatch(ISTIO_VERSION, text, re.ASCII))


def _minor(version: str) -> int:
    return int(version.split(".")[1])
