"""Istio: certificate checks, TLS within the mesh, istiod's Helm values, and EnvoyFilters."""

import re
from collections.abc import Iterator
from typing import Any, Final

from petmesh.guardrails.allowed import ENVOY_FILTERS
from petmesh.guardrails.rules import check, read
from petmesh.guardrails.shape import LIST, shape
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, found, last

IN_CLUSTER: Final = ".svc.cluster.local"
_ISTIOD: Final = shape(read("mesh.yaml")["$istiod"])
_ISTIODS_CHART: Final = re.compile(r"(?:^|/)(?:istiod|istio-discovery)(?:-\d[^/]*|[@:][^/]*)?/?$")
# Of whatever takes a certificate that nobody vouches for.
_UNCHECKED: Final = re.compile(
    r"(?:insecure|tls)?_?(?:skip_?(?:tls_?)?verify|insecure_?skip_?(?:tls_?)?verif\w*)",
    re.IGNORECASE,
)
_UNCHECKED_FLAG: Final = re.compile(
    r"--[\w-]*(?:insecure-(?:skip|tls)|skip-(?:tls-)?verif|no-check-cert)[\w-]*(?:=true)?"
)
_UNCHECKED_CLUSTER: Final = re.compile(r"""insecure-skip-tls-verify["']?\s*:\s*["']?true""")


@check("tls-is-not-weakened")
def _unchecked(subject: Subject) -> Iterator[Violation]:
    for path, value in found(subject.properties, "**"):
        named = value in (True, "true") and _UNCHECKED.fullmatch(last(path))
        if named or (isinstance(value, str) and _UNCHECKED_FLAG.fullmatch(value)):
            yield Violation(path, value, "remove it and name the certificate's authority or name")
        elif subject.type.startswith("pulumi:providers:") and _UNCHECKED_CLUSTER.search(str(value)):
            yield Violation(path, "(not shown)", "name the cluster's certificate authority")


@check("tls-is-not-weakened", "networking.istio.io/DestinationRule")
def _mesh_tls(subject: Subject) -> Iterator[Violation]:
    host = at(subject.properties, "spec.host")
    if not isinstance(host, str) or not _in_cluster(host, subject.namespace):
        return
    for holder in ("spec.trafficPolicy", "spec.subsets[].trafficPolicy"):
        for key in (holder, f"{holder}.portLevelSettings[]"):
            for path, mode in found(subject.properties, f"{key}.tls.mode"):
                if mode in ("SIMPLE", "MUTUAL"):
                    fix = "remove it or use ISTIO_MUTUAL: its sidecar takes the mesh's own TLS"
                    yield Violation(path, mode, fix)


def _in_cluster(host: str, namespace: str) -> bool:
    """Whether a host is a Service, or a wildcard that Services match."""
    wildcard = host.startswith("*") and IN_CLUSTER.endswith(host[1:])
    return wildcard or full(host, namespace).endswith(IN_CLUSTER)


def full(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot is a Service of the object's namespace."""
    return host if "." in host else f"{host}.{namespace}{IN_CLUSTER}"


@check("outside-is-registered", "helm.sh/*")
def _settings(subject: Subject) -> Iterator[Violation]:
    """The mesh's own settings, wherever istiod's chart comes from."""
    paths = [path for path, _ in found(subject.properties, "values.**.meshConfig")]
    # What isn't known yet may hold it or not.
    holders = {path.removesuffix(".meshConfig") for path in paths if last(path) == "meshConfig"}
    for holder in holders | ({"values"} if is_istiod(subject) else set[str]()):
        yield from _ISTIOD(holder, at(subject.properties, holder))


def is_istiod(subject: Subject) -> bool:
    """Whether it is istiod's chart."""
    return subject.api == "helm.sh" and bool(
        _ISTIODS_CHART.search(str(at(subject.properties, "chart")))
    )


@check("filters-are-known", "networking.istio.io/EnvoyFilter")
def _filters(subject: Subject) -> Iterator[Violation]:
    for path, value in found(subject.properties, "spec.configPatches[].patch.value"):
        yield from _filter(path, value)


def _filter(path: str, value: Any) -> Iterator[Violation]:  # noqa: ANN401 (data)
    names = [at(value, each) for each in ("name", "typed_config.name")]
    for name in names if names[1] else names[:1]:
        if name not in (UNKNOWN, *ENVOY_FILTERS):
            fix = f"remove it, or list the filter in {LIST} with the reason"
            yield Violation(path, name, fix)
    # Envoy takes a filter by its type, whatever its name says.
    name, kind = at(value, "name"), at(value, "typed_config.type_url")
    kind = kind or at(value, "typed_config.@type")
    type_of_name = str(name).replace("envoy.", "envoy.extensions.", 1)
    if kind and UNKNOWN not in (name, kind) and f"/{type_of_name}." not in str(kind):
        yield Violation(f"{path}.typed_config.@type", kind, f"name the type of {name}")
    for where, _ in found(value, "**"):
        if ".http_filters" in where or "transport_socket" in where or "inline" in where:
            yield Violation(f"{path}.{where}", "set", "remove it", whole=True)
