"""Declarations with one thing wrong, and what the guard-rails say of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from petmesh.guardrails.in_process import subject_of, violations
from petmesh.guardrails.pack import RULES
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


class Known:
    """A stack that breaks no rule, of which one resource at a time is another.

    Its resources are read once, and only what is different is judged by the rules for one resource.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.resources = declaration.resources
        self._subjects = {each.urn: subject_of(each) for each in declaration.resources}

    def said_of(self, good: Resource, changed: Resource | None) -> dict[str, list[str]]:
        """The messages of each rule once a resource is another, or isn't there."""
        alone = [subject_of(changed)] if changed else []
        kept = [subject for urn, subject in self._subjects.items() if urn != good.urn]
        found: dict[str, list[str]] = {}
        for rule in RULES:
            for _, message in rule.judge([*kept, *alone] if rule.of_stack else alone):
                found.setdefault(rule.name, []).append(message)
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


def one(resources: Iterable[Resource], kind: str, name: str) -> Resource:
    """The resource of a kind and a name, in the cluster or the program."""
    found = [each for each in resources if each.type.endswith(f":{kind}") and _is(each, name)]
    assert len(found) == 1, f"{kind} {name}: {len(found)} declared"
    return found[0]


def broken(
    stack: Declaration,
    kind: str,
    name: str,
    path: str,
    value: Any,  # noqa: ANN401 (data)
) -> Declaration:
    """A real declaration in which one field of one resource holds something else, or nothing."""
    found = one(stack.resources, kind, name)
    put = changed(found, path, value)
    resources = tuple(put if each is found else each for each in stack.resources)
    return replace(stack, resources=resources)


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
