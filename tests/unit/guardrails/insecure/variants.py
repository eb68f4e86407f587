"""What the insecure variants are made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import ABSENT, changed

Variants = Iterator[tuple[str, list[Resource]]]


POD = "spec.template.spec"


FIRST = f"{POD}.containers[0]"


RBAC = "rbac.authorization.k8s.io/v1"


Data = dict[str, Any]


def each(*given: Data) -> tuple[Data, ...]:
    """Objects of their own shapes each."""
    return given


def variants_of(
    good: Resource, fields: Mapping[str, tuple[Any, ...]], *beside: Resource
) -> Variants:
    for field, values in fields.items():
        for value in values:
            shown = "absent" if value is ABSENT else value
            yield f"{good.type} {field} {shown}", [changed(good, field, value), *beside]
