"""Declarations with one thing wrong, and what the guard-rails say of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from petmesh.guardrails.in_process import violations
from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import local

ABSENT: Final = object()
DIGEST: Final = f"registry.example.com/app@sha256:{'1' * 64}"


def said(declaration: Declaration) -> dict[str, list[str]]:
    """The messages of each rule that has something to say."""
    found: dict[str, list[str]] = {}
    for violation in violations(declaration):
        found.setdefault(violation.rule, []).append(violation.message)
    return found


def resource(type_: str, name: str = "made", **properties: Any) -> Resource:  # noqa: ANN401 (data)
    """A resource of its own, whose outputs are its inputs."""
    return Resource(
        type=type_,
        name=name,
        urn=f"urn:pulumi:test::petmesh::{type_}::{name}",
        parent="",
        custom=True,
        inputs=properties,
        outputs=properties,
    )


def workload(kind: str = "Deployment", api: str = "apps", **pod: Any) -> Resource:  # noqa: ANN401
    """A workload named pets/tried, in whose pod spec some fields are given."""
    template = {"metadata": {"labels": {"app": "tried"}}, "spec": {**POD, **pod}}
    body = {"template": template}
    spec = {"jobTemplate": {"spec": body}} if kind == "CronJob" else body
    metadata = {"name": "tried", "namespace": "pets"}
    return resource(f"kubernetes:{api}/v1:{kind}", "tried", metadata=metadata, spec=spec)


def container(**fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (data)
    """The one container of a good pod, with some fields given."""
    return [{**CONTAINER, **fields}]


def istio(kind: str, group: str, **spec: Any) -> Resource:  # noqa: ANN401 (data)
    """An Istio object named pets/tried."""
    metadata = {"name": "tried", "namespace": "pets"}
    return resource(f"kubernetes:{group}.istio.io/v1:{kind}", "tried", metadata=metadata, spec=spec)


def closed(namespace: str = "made") -> Resource:
    """A NetworkPolicy that closes a namespace to and from everything."""
    return resource(
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "closed",
        metadata={"name": "closed", "namespace": namespace},
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    )


def alone(*resources: Resource) -> Declaration:
    """A declaration of some resources and nothing else."""
    return replace(local(), resources=resources)


def broken(
    stack: Declaration,
    kind: str,
    name: str,
    path: str,
    value: Any,  # noqa: ANN401 (data)
) -> Declaration:
    """A real declaration in which one field of one resource holds something else, or nothing."""
    found = [each for each in stack.resources if each.type.endswith(f":{kind}") and _is(each, name)]
    assert len(found) == 1, f"{kind} {name}: {len(found)} declared"
    put = changed(found[0], path, value)
    return replace(
        stack, resources=tuple(put if each is found[0] else each for each in stack.resources)
    )


def changed(good: Resource, path: str, value: Any) -> Resource:  # noqa: ANN401 (data)
    """A resource in which one field holds something else, or nothing."""
    return replace(
        good, inputs=_with(good.inputs, path, value), outputs=_with(good.outputs, path, value)
    )


def without(stack: Declaration, kind: str, name: str) -> Declaration:
    """A real declaration in which one resource is missing."""
    kept = [each for each in stack.resources if not (each.type.endswith(kind) and _is(each, name))]
    assert len(kept) == len(stack.resources) - 1
    return replace(stack, resources=tuple(kept))


def _is(each: Resource, name: str) -> bool:
    metadata: Mapping[str, Any] = each.inputs.get("metadata") or {}
    return not each.read_id and name in (metadata.get("name"), each.name)


def _with(data: Any, path: str, value: Any) -> Any:  # noqa: ANN401 (data)
    """A copy in which a path holds a value, or nothing for `ABSENT`."""
    key, _, rest = path.replace("[", ".").replace("]", "").partition(".")
    if isinstance(data, list):
        members = cast("list[Any]", data)
        return [
            (_with(each, rest, value) if rest else value) if str(index) == key else each
            for index, each in enumerate(members)
        ]
    changed = dict(cast("Mapping[str, Any]", data))
    if rest:
        changed[key] = _with(changed.get(key, {}), rest, value)
    elif value is ABSENT:
        changed.pop(key, None)
    else:
        changed[key] = value
    return changed


CONTAINER: Final[dict[str, Any]] = {
    "name": "app",
    "image": DIGEST,
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
    "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
    "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
POD: Final[dict[str, Any]] = {
    "serviceAccountName": "tried",
    "automountServiceAccountToken": False,
    "containers": [CONTAINER],
}
BUDGET: Final = resource(
    "kubernetes:policy/v1:PodDisruptionBudget",
    "tried",
    metadata={"name": "tried", "namespace": "pets"},
    spec={"selector": {"matchLabels": {"app": "tried"}}, "maxUnavailable": 1},
)
