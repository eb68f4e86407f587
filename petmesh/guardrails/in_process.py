"""Runs the guard-rails on a declared stack in process, without the Pulumi engine.

The rules are the very ones that `pulumi preview --policy-pack petmesh/guardrails` runs, and they
are given the same: inputs, and the outputs of what the program only reads.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pulumi_policy import Secret
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from petmesh.guardrails.pack import RULES
from petmesh.guardrails.rules import Rule, Subject
from petmesh.program.declaration import UNKNOWN, Declaration, Resource


@dataclass(frozen=True)
class Finding:
    """A rule that a resource breaks, as it is reported.

    Attributes:
        rule: Its name.
        urn: The resource's URN.
        message: What is wrong, and how to fix it.
    """

    rule: str
    urn: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def violations(declaration: Declaration, rules: Sequence[Rule] = RULES) -> tuple[Finding, ...]:
    """Every violation of the rules in a declared stack; no message shows a secret of it."""
    found = _judged(declaration.resources, rules)
    if not found or not any(_has_secrets(each) for each in declaration.resources):
        return found
    # What is said as well where the secrets aren't known holds none.
    told = set(_judged([_without_secrets(each) for each in declaration.resources], rules))
    meant = {rule.name: rule.description for rule in rules}
    return tuple(each if each in told else _untold(each, meant[each.rule]) for each in found)


def _judged(resources: Sequence[Resource], rules: Sequence[Rule]) -> tuple[Finding, ...]:
    each = [subject_of(resource) for resource in resources if not resource.read_id]
    whole = [*each, *(subject_of(resource) for resource in resources if resource.read_id)]
    return tuple(
        Finding(rule.name, urn, message)
        for rule in rules
        for urn, message in rule.judge(whole if rule.of_stack else each)
    )


def _has_secrets(resource: Resource) -> bool:
    return bool(resource.secret_inputs or resource.secret_outputs)


def _without_secrets(resource: Resource) -> Resource:
    return replace(
        resource,
        inputs=_changed(resource.inputs, resource.secret_inputs, lambda _: UNKNOWN),
        outputs=_changed(resource.outputs, resource.secret_outputs, lambda _: UNKNOWN),
    )


def _changed(
    value: Any,  # noqa: ANN401 (data)
    paths: Collection[str],
    change: Callable[[Any], Any],
    path: str = "",
) -> Any:  # noqa: ANN401 (data)
    """A copy in which what lies at some paths is changed."""
    if path in paths:
        return change(value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        within = f"{path}." if path else ""
        return {
            key: _changed(item, paths, change, f"{within}{key}") for key, item in mapping.items()
        }
    if isinstance(value, list):
        members = enumerate(cast("list[Any]", value))
        return [_changed(member, paths, change, f"{path}[{place}]") for place, member in members]
    return value


def _untold(violation: Finding, meant: str) -> Finding:
    type_, name = violation.urn.split("::")[-2:]
    kind = type_.rpartition(":")[2]
    return replace(violation, message=f"{kind} {name}: a [secret] of it breaks the rule: {meant}")


def subject_of(resource: Resource) -> Subject:
    """A declared resource as a rule gets it from the engine."""
    given, secret = resource.inputs, resource.secret_inputs
    if resource.read_id:
        given, secret = resource.outputs, resource.secret_outputs
    wire = cast("dict[str, Any]", _changed(_on_the_wire(given), secret, Secret))
    # As a policy gets them: reading an unknown one raises.
    return Subject(resource.type, resource.urn, resource.name, unknown_checking_proxy(wire))


def _on_the_wire(value: Any) -> Any:  # noqa: ANN401 (data)
    if value is UNKNOWN:
        return UNKNOWN_STRING_VALUE
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return {key: _on_the_wire(item) for key, item in mapping.items()}
    if isinstance(value, list):
        return [_on_the_wire(item) for item in cast("list[Any]", value)]
    return value
