"""What the stacks declare, with one thing after the other dropped, flipped or widened."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, cast

import pytest

from petmesh.program.declaration import Resource
from tests.unit.declared import gke, local
from tests.unit.guardrails.harmless import HARMLESS
from tests.unit.guardrails.judged import ABSENT, Known

Keys = tuple[str | int, ...]
STACKS: Final = {
    "local": lambda: local(dogApiEnabled="true", egressGateway="true"),
    "dev": gke,
}
# A field that security depends on; every switch is one besides.
_MATTERS: Final = re.compile(
    r"securityContext|serviceAccountName|automount|mtls|tls|principals|from$|to$|policyTypes|member|"
    r"role|resources\.|Probe$|maxUnavailable|sourceRanges|[cC]idr$|hosts$|[sS]elector$|exportTo|"
    r"private|masterAuth|datapath|workload(?:Identity|Metadata)|shielded|imageType|\.image$|"
    r"logConfig|outboundTrafficPolicy|minTlsVersion|profile$|autoCreate|resolution|verbs$|mode$|"
    r"methods$|paths$|labels\.(?:.*istio|pod-security)|egress$|ingress$|rules$|repo$|meshConfig"
)
# What a field becomes where an adversary has it.
_WIDER: Final[tuple[tuple[str, Any], ...]] = (
    (r"principals$|spec\.hosts$|servers\[\d+\]\.hosts$|verbs$|methods$", ["*"]),
    (r"paths$", ["/{**}"]),
    (r"egress\[\d+\]\.hosts$", ["*/*"]),
    (r"[sS]ourceRanges$", ["0.0.0.0/0"]),
    (r"AuthorizationPolicy .*\.from$", [{"source": {}}]),
    (r"NetworkPolicy spec\.(?:in|e)gress$|spec\.rules$", [{}]),
    (r"NetworkPolicy spec\.(?:in|e)gress\[\d+\]\.(?:from|to)$", []),
    (r"NetworkPolicy .*(?:from|to)\[\d+\]\.namespaceSelector$", {}),
    (r"default-deny.* spec\.podSelector$", {"matchLabels": {"app": "other"}}),
    (r"policyTypes$", ["Ingress"]),
    (r"policyTypes$", ["Egress"]),
    (r"cidr$", "0.0.0.0/0"),
    (r"outboundTrafficPolicy\.mode$", "ALLOW_ANY"),
    (r"mtls\.mode$", "PERMISSIVE"),
    (r"\.image$", "app:latest"),
    (r"labels\.istio-injection$", "disabled"),
    (r"labels\.pod-security\.kubernetes\.io/enforce$", "privileged"),
    (r"template\.metadata\.labels$", {"app": "other", "sidecar.istio.io/inject": "false"}),
    (r"template\.metadata\.annotations$", {"traffic.sidecar.istio.io/excludeInboundPorts": "*"}),
    (r"serviceAccountName$", "default"),
    (r"runAsUser$", 0),
    (r"^Service (?!.*istio-ingressgateway).* spec$", {"type": "LoadBalancer"}),
    (r"maxUnavailable$", 0),
    (r"weight$", 50),
    (r"subset$", "v9"),
    (r"patch\.operation$", "REMOVE"),
    (r"applyTo$", "LISTENER"),
    (r"servers\[\d+\]\.port\.protocol$", "TCP"),
    (r"Release .* version$", "1.x"),
    (r"repositoryOpts\.repo$", "http://charts.example.com"),
    (r"member$", "allUsers"),
    (r"role$", "roles/owner"),
    (r"datapathProvider$", "LEGACY_DATAPATH"),
    (r"Metadata(?:Config)?\.mode$", "GCE_METADATA"),
    (r"serviceAccount$", "1-compute@developer.gserviceaccount.com"),
    (r"releaseChannel\.channel$", "UNSPECIFIED"),
    (r"gging(?:Config)?\.enableComponents$", []),
)


def _fields(data: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:  # noqa: ANN401 (data)
    if isinstance(data, Mapping):
        inner = [(key, value) for key, value in cast("Mapping[str, Any]", data).items()]
    else:
        inner = [*enumerate(cast("list[Any]", data))] if isinstance(data, list) else []
    for key, value in inner:
        yield (*keys, key), value
        yield from _fields(value, (*keys, key))


def _shown(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _with(data: Any, keys: Keys, value: Any) -> Any:  # noqa: ANN401 (data)
    """A copy in which one field holds something else, or isn't there."""
    key, *rest = keys
    copy: Any = dict(cast("Any", data)) if isinstance(data, Mapping) else [*data]
    if rest:
        copy[key] = _with(copy[key], (*rest,), value)
    elif value is ABSENT:
        del copy[key]
    else:
        copy[key] = value
    return copy


def _mutations(good: Resource) -> Iterator[tuple[str, Resource]]:
    """Each change of a resource, by `Kind name: field change`."""
    kind = good.type.rpartition(":")[2]
    for keys, value in _fields(good.inputs):
        path = _shown(keys)
        whole = f"{kind} {good.name} {path}"
        changes: list[Any] = [wider for pattern, wider in _WIDER if re.search(pattern, whole)]
        if isinstance(value, bool):
            changes.append(not value)
        if _MATTERS.search(path):
            changes.append(ABSENT)
        for change in changes:
            if change != value:
                shown = "absent" if change is ABSENT else change
                inputs = _with(good.inputs, keys, change)
                yield f"{kind} {path} {shown}", replace(good, inputs=inputs, outputs=inputs)


@cache
def _tried() -> tuple[int, frozenset[str]]:
    """How many mutations of both stacks there are, and which are refused by no rule."""
    tried = 0
    passed: set[str] = set()
    for declared in STACKS.values():
        stack = Known(declared())
        for good in stack.resources:
            if not good.type.startswith(("kubernetes:", "gcp:")) or good.read_id:
                continue
            metadata = good.inputs.get("metadata", {})
            kind, name = good.type.rpartition(":")[2], metadata.get("name", good.name)
            for change, mutated in ((f"{kind} {name} dropped", None), *_mutations(good)):
                tried += 1
                if not stack.said_of(good, mutated):
                    passed.add(change)
    return tried, frozenset(passed)


def test_the_mutations_are_of_all_that_the_stacks_declare() -> None:
    tried, passed = _tried()
    assert tried > 600
    assert len(passed) < tried / 3


def test_each_mutation_is_refused_or_listed_with_its_reason() -> None:
    _, passed = _tried()
    assert [name for name in sorted(passed) if not any(_is(each, name) for each in HARMLESS)] == []


@pytest.mark.parametrize("listed", HARMLESS)
def test_nothing_is_listed_for_no_mutation(listed: str) -> None:
    assert any(_is(listed, name) for name in _tried()[1])


@pytest.mark.parametrize("odd", [7, [["x"]]], ids=str)
def test_no_rule_fails_on_a_value_of_another_type(odd: Any) -> None:  # noqa: ANN401 (data)
    stack = Known(STACKS["local"]())
    one_of_each = {each.type: each for each in stack.resources if not each.read_id}
    for good in one_of_each.values():
        for keys, _ in _fields(good.inputs):
            inputs = _with(good.inputs, keys, odd)
            stack.said_of(good, replace(good, inputs=inputs, outputs=inputs))


def _is(listed: str, name: str) -> bool:
    return re.fullmatch(listed, name) is not None
