"""What differs between two declarations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from rehearsal.program import Declaration


@dataclass(frozen=True)
class Difference:
    """A resource that only one of two declarations has, or that differs in them.

    Attributes:
        change: + for declared anew, - for no longer declared, ~ for changed.
        type: its type token.
        name: its name in the cluster or cloud, or else its logical name.
        fields: what changed: path, old value, new value; None stands for absent.
    """

    change: Literal["+", "-", "~"]
    type: str
    name: str
    fields: tuple[tuple[str, Any, Any], ...] = ()

    @property
    def kind(self) -> str:
        """The last part of the type: `VirtualService`."""
        return self.type.rpartition(":")[2]

    def __str__(self) -> str:
        changed = ", ".join(f"{path} {old} -> {new}" for path, old, new in self.fields)
        return f"{self.change} {self.kind} {self.name}" + (f": {changed}" if changed else "")


def compare(before: Declaration, after: Declaration) -> tuple[Difference, ...]:
    """What an update from one declaration to the other would touch, components left aside."""
    old = {resource.urn: resource for resource in before.resources if resource.custom}
    new = {resource.urn: resource for resource in after.resources if resource.custom}
    found: list[Difference] = []
    for urn, resource in new.items():
        name = _name(resource.inputs, resource.name)
        if urn not in old:
            found.append(Difference("+", resource.type, name))
            continue
        fields = tuple(_fields(old[urn].inputs, resource.inputs, ""))
        if fields:
            found.append(Difference("~", resource.type, name, fields))
    for urn, resource in old.items():
        if urn not in new:
            name = _name(resource.inputs, resource.name)
            found.append(Difference("-", resource.type, name))
    return tuple(found)


def _name(inputs: Mapping[str, Any], logical: str) -> str:
    metadata: Mapping[str, Any] = inputs.get("metadata") or {}
    return str(metadata.get("name") or logical)


def _fields(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 (data)
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from _fields(before.get(key), after.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list):
        first, second = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(first), len(second))):
            was = first[index] if index < len(first) else None
            now = second[index] if index < len(second) else None
            yield from _fields(was, now, f"{path}[{index}]")
    else:
        yield path, old, new
