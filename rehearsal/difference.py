"""What differs between two declarations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from rehearsal.phrases import phrase
from rehearsal.program import Declaration, Resource

_ITEM = re.compile(r"\[[^\]]*\]")


class Secret:
    """Stands for a value that nobody is shown."""

    def __repr__(self) -> str:
        return "[secret]"


SECRET = Secret()


@dataclass(frozen=True)
class Difference:
    """A resource that only one of two declarations has, or that differs in them.

    Attributes:
        change: + for declared anew, - for no longer declared, ~ for changed.
        type: its type token.
        name: its name in the cluster or cloud, or else its logical name.
        fields: what changed: path, old value, new value; None stands for absent, `SECRET` for a
            secret. A list's item is told by its name, such as `containers[petservice]`, else by its
            place.
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
        changed = phrase(self.fields)
        return f"{self.change} {self.kind} {self.name}" + (f": {changed}" if changed else "")


def compare(before: Declaration, after: Declaration) -> tuple[Difference, ...]:
    """What an update from one declaration to the other would touch, components left aside."""
    return differences(before.resources, after.resources)


def differences(before: Sequence[Resource], after: Sequence[Resource]) -> tuple[Difference, ...]:
    """What an update from some resources to others would touch, components left aside."""
    old = {resource.urn: resource for resource in before if resource.custom}
    new = {resource.urn: resource for resource in after if resource.custom}
    found: list[Difference] = []
    for urn, resource in new.items():
        name = _name(resource.inputs, resource.name)
        if urn not in old:
            found.append(Difference("+", resource.type, name))
            continue
        secret = {_ITEM.sub("[]", path) for path in old[urn].secret_inputs | resource.secret_inputs}
        fields = tuple(_fields(old[urn].inputs, resource.inputs, "", secret))
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


def _fields(
    old: Any,  # noqa: ANN401 (data)
    new: Any,  # noqa: ANN401 (data)
    path: str,
    secret: set[str],
) -> Iterator[tuple[str, Any, Any]]:
    """What differs at a path and below; `secret` are paths whose lists' items are all one."""
    if old == new:
        return
    place = _ITEM.sub("[]", path)
    if place not in secret and isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from _fields(before.get(key), after.get(key), inner, secret)
    elif place not in secret and isinstance(old, list) and isinstance(new, list):
        before, after = _by_key(cast("list[Any]", old), cast("list[Any]", new))
        for key in {**before, **after}:
            yield from _fields(before.get(key), after.get(key), f"{path}[{key}]", secret)
    else:
        within = (f"{place}.", f"{place}[")
        hidden = any(each == place or each.startswith(within) for each in secret)
        yield path, _shown(old, hidden=hidden), _shown(new, hidden=hidden)


def _shown(value: Any, *, hidden: bool) -> Any:  # noqa: ANN401 (data)
    return SECRET if hidden and value is not None else value


def _by_key(old: list[Any], new: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two lists' items by what tells them apart, or by place where nothing does."""
    keyed = [{_key(item): item for item in items} for items in (old, new)]
    if all(None not in each for each in keyed) and [*map(len, keyed)] == [len(old), len(new)]:
        return cast("dict[str, Any]", keyed[0]), cast("dict[str, Any]", keyed[1])
    first, second = ({str(place): item for place, item in enumerate(items)} for items in (old, new))
    return first, second


def _key(item: Any) -> str | None:  # noqa: ANN401 (data)
    if not isinstance(item, dict):
        return None
    fields = cast("dict[str, Any]", item)
    destination: Mapping[str, Any] = fields.get("destination") or {}
    key = fields.get("name") or destination.get("subset") or destination.get("host")
    return key if isinstance(key, str) else None
