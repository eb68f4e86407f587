"""Labels and annotations that change what a cluster or the mesh does: those known to be good.

A mark of another prefix is data for selectors and controllers of one's own.

Source:
    https://istio.io/latest/docs/reference/config/labels/
    https://istio.io/latest/docs/reference/config/annotations/
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from policy.podspec import template
from policy.rules import resource_rule
from policy.shape import UNLISTED, Shape, judge, known, only
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries

_JUDGED: Final = re.compile(
    r"istio-injection|(?:[\w-]+\.)*istio\.io/.*|pod-security\.kubernetes\.io/enforce"
    r"|rbac\.authorization\.k8s\.io/.*|(?:seccomp|container\.apparmor)\.security\.[\w.]+/.*"
)
_IN_MESH = "remove it: without its proxy a pod takes and sends what no rule of the mesh sees"
_NEW_ENOUGH: Final = re.compile(r"latest|v1\.(?:2[5-9]|[3-9]\d)")
_RESTRICTED = "set it to restricted: the API server then holds to it whatever makes a pod"
_PROXY: Final[dict[str, Shape]] = {
    **known("holdApplicationUntilProxyStarts terminationDrainDuration drainDuration concurrency"),
    **known("tracing proxyStatsMatcher extraStatTags gatewayTopology"),
}


def _proxy(path: str, text: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if text is None:
        return
    try:
        config = yaml.safe_load(str(text))
    except yaml.YAMLError:
        config = None
    if not isinstance(config, Mapping):
        yield Trouble(path, text, "write it as YAML")
        return
    yield from judge(_PROXY, config, path)


def _waypoint(path: str, name: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if name == "none":
        yield Trouble(path, name, "name a waypoint, whose policies are for requests")


_GOOD: Final[dict[str, Shape]] = {
    "istio-injection": only("enabled", mend=_IN_MESH),
    "sidecar.istio.io/inject": only("true", mend=_IN_MESH),
    "istio.io/dataplane-mode": only("ambient", mend=_IN_MESH),
    "inject.istio.io/templates": only("sidecar", mend=_IN_MESH),
    "security.istio.io/tlsMode": only("istio", mend=_IN_MESH),
    "sidecar.istio.io/rewriteAppHTTPProbers": only("true"),
    "istio.io/ingress-use-waypoint": only("true"),
    "traffic.sidecar.istio.io/includeInboundPorts": only("*"),
    "traffic.sidecar.istio.io/includeOutboundIPRanges": only("*"),
    "proxy.istio.io/config": _proxy,
    **known("istio.io/rev istio.io/waypoint-for istio.io/use-waypoint-namespace istio.io/tag"),
    "istio.io/use-waypoint": _waypoint,
    **known("sidecar.istio.io/proxyCPU sidecar.istio.io/proxyCPULimit"),
    **known("sidecar.istio.io/proxyMemory sidecar.istio.io/proxyMemoryLimit"),
    **known("sidecar.istio.io/logLevel sidecar.istio.io/componentLogLevel"),
    **known("prometheus.istio.io/merge-metrics networking.istio.io/exportTo"),
    **known("networking.istio.io/traffic-distribution topology.istio.io/network"),
    **known("topology.istio.io/subzone topology.istio.io/cluster"),
    **known("service.istio.io/canonical-name service.istio.io/canonical-revision"),
    **known("gateway.istio.io/managed gateway.networking.k8s.io/gateway-name"),
    "pod-security.kubernetes.io/enforce": only("restricted", mend=_RESTRICTED),
    "rbac.authorization.k8s.io/aggregate-to-view": only("true"),
    "rbac.authorization.k8s.io/autoupdate": only("true"),
    "seccomp.security.alpha.kubernetes.io/pod": only("runtime/default"),
}


def _marks(subject: Subject) -> Iterator[Trouble]:
    if not subject.api:
        return
    holders = [("metadata", at(subject.properties, "metadata"))]
    path = template(subject)
    if path:
        holders.append((f"{path}.metadata", at(subject.properties, f"{path}.metadata")))
    for within, metadata in holders:
        for sort in ("labels", "annotations"):
            for name, value in entries(metadata, sort).items():
                # What a namespace must enforce is a rule of its own.
                if _JUDGED.fullmatch(name) and not (
                    subject.kind == "Namespace" and name.startswith("pod-security.")
                ):
                    field = f"{within}.{sort}.{name}"
                    good = _GOOD.get(name) or only(None, mend=UNLISTED)
                    yield from judge(good, value, field)
    if (subject.api, subject.kind) == ("core", "Namespace") and not subject.is_patch:
        yield from _in_mesh(entries(subject.properties, "metadata.labels"), subject)


def _in_mesh(labels: Mapping[str, Any], subject: Subject) -> Iterator[Trouble]:
    """Without one of these labels a namespace's pods have no proxy."""
    if at(subject.properties, "metadata.labels") is UNKNOWN:
        return
    if not {"istio-injection", "istio.io/rev", "istio.io/dataplane-mode"} & labels.keys():
        mend = (
            "set it to enabled, or list the namespace in policy/allowed.py with the reason why "
            "its pods stay outside of the mesh"
        )
        yield Trouble("metadata.labels.istio-injection", None, mend)


def _restricted(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) != ("core", "Namespace"):
        return
    # A label's name has dots of its own: no path leads to it.
    name = "pod-security.kubernetes.io/enforce"
    if at(subject.properties, "metadata.labels") is not UNKNOWN:
        given = entries(subject.properties, "metadata.labels").get(name)
        yield from judge(_GOOD[name], given, f"metadata.labels[{name}]")
        version = f"{name}-version"
        pinned = entries(subject.properties, "metadata.labels").get(version)
        if pinned not in (None, UNKNOWN) and not _NEW_ENOUGH.fullmatch(str(pinned)):
            mend = "set it to latest: before v1.25 the standard asks for less"
            yield Trouble(f"metadata.labels[{version}]", pinned, mend)


RULES = (
    resource_rule(
        "marks-are-known",
        "Labels and annotations keep namespaces and pods in the mesh, with its proxy as it is.",
        "Istio security best practices: sidecar injection",
        _marks,
    ),
    resource_rule(
        "namespaces-restricted",
        "A namespace enforces the restricted Pod Security Standard, for charts' pods too.",
        "Pod Security Standards: restricted; CIS GKE 4.2.1",
        _restricted,
    ),
)
