"""The differences between two declarations."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from petmesh.program.declaration import STACK_TYPE, Declaration, Resource
from petmesh.program.diff_text import Field, phrase, printable, shown
from petmesh.program.preview import fact

# The resource options that are compared, in addition to the inputs.
OPTIONS: Final = (
    "delete_before_replace",
    "deleted_with",
    "ignore_changes",
    "protect",
    "provider",
    "read_id",
    "replace_on_changes",
    "retain_on_delete",
    "version",
)
# Lists whose order matters though their items have names: the first route that matches is taken,
# and init containers run one after another.
_ORDERED = re.compile(r"(^|\.)(http|tls|tcp|initContainers)$")
_ITEM = re.compile(r"\[[^\]]*\]")


class Secret:
    """The type of `SECRET`, a value that is never shown."""

    def __repr__(self) -> str:
        return "[secret]"


SECRET = Secret()


@dataclass(frozen=True)
class Difference:
    """A resource that is added, removed or changed between two declarations.

    Attributes:
        change: + for added, - for removed, ~ for changed.
        type: the type token.
        name: the name in the cluster or cloud, else the logical name; with its namespace if
            another resource of the type has the same name.
        fields: path, old value and new value of each changed field; None stands for absent,
            `SECRET` for a secret. A list's item is identified by its name, such as
            `containers[petservice]`, else by its index.
        note: the key fact of an added or removed resource, or that an image is rebuilt.
    """

    change: Literal["+", "-", "~"]
    type: str
    name: str
    fields: tuple[Field, ...] = ()
    note: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type, such as `VirtualService`."""
        return self.type.rpartition(":")[2]

    def __str__(self) -> str:
        told = "; ".join(filter(None, (phrase(self.fields), self.note)))
        return f"{self.change} {self.kind} {self.name}" + (f": {told}" if told else "")


def compare(before: Declaration, after: Declaration) -> tuple[Difference, ...]:
    """Return the differences that an update from one declaration to the other applies."""
    return differences(before.resources, after.resources)


def differences(
    before: Sequence[Resource],
    after: Sequence[Resource],
    built: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[Difference, ...]:
    """Return the differences that an update from some resources to others applies.

    Components are ignored: they have no inputs of their own.

    Args:
        before: the existing resources.
        after: the resources after the update.
        built: the images that are rebuilt, by logical name, with the files that changed.
    """
    old = {resource.urn: resource for resource in before if resource.custom}
    new = {resource.urn: resource for resource in after if resource.custom}
    names = _names({**old, **new}.values())
    images = {
        urn: built[resource.name]
        for urn, resource in new.items()
        if resource.type.endswith(":Image") and resource.name in built
    }
    found: list[Difference] = []
    for urn, resource in new.items():
        if urn not in old:
            found.append(Difference("+", resource.type, names[urn], note=shown(fact(resource))))
            continue
        fields, note = tuple(_changes(old[urn], resource)), _built_anew(resource, images)
        if fields or note:
            found.append(Difference("~", resource.type, names[urn], fields, note))
    for urn, resource in old.items():
        if urn not in new:
            found.append(Difference("-", resource.type, names[urn], note=shown(fact(resource))))
    return tuple(found)


def outputs(before: Declaration, after: Declaration) -> tuple[Difference, ...]:
    """Return the changed stack outputs as one difference of the stack; empty if none changed."""
    secret = before.secret_outputs | after.secret_outputs
    fields = (
        *_fields(before.outputs, after.outputs, "outputs", _places(secret, "outputs.")),
        *_fields(sorted(before.secret_outputs), sorted(after.secret_outputs), "secret", set()),
    )
    return (Difference("~", STACK_TYPE, after.stack, fields),) if fields else ()


def _names(resources: Iterable[Resource]) -> dict[str, str]:
    """Return each resource's displayed name, by URN."""
    named = {resource.urn: (resource.type, *_name(resource)) for resource in resources}
    bearers = Counter((type_, name) for type_, _, name in named.values())
    return {
        urn: f"{namespace}/{name}" if namespace and bearers[type_, name] > 1 else name
        for urn, (type_, namespace, name) in named.items()
    }


def _name(resource: Resource) -> tuple[str, str]:
    """Return a resource's namespace, empty for none, and its name."""
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    if any(path.startswith("metadata") for path in resource.secret_inputs):
        metadata = {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or resource.name)


def _built_anew(resource: Resource, images: Mapping[str, Sequence[str]]) -> str:
    """Return the note of an image that is rebuilt, or of a resource that rolls one out."""
    if files := images.get(resource.urn):
        more = len(files) - 1
        others = f" and {more} more {'file' if more == 1 else 'files'}" if more else ""
        return f"built anew from {printable(files[0])}{others}"
    needed = {urn for urns in resource.property_dependencies.values() for urn in urns}
    return "rolls out an image that is built anew" if needed & images.keys() else ""


def _changes(old: Resource, new: Resource) -> Iterator[Field]:
    secret = _places(old.secret_inputs | new.secret_inputs)
    yield from _fields(old.inputs, new.inputs, "", secret)
    yield from _fields(_options(old), _options(new), "options", set())


def _options(resource: Resource) -> dict[str, Any]:
    options: dict[str, Any] = {name: getattr(resource, name) for name in OPTIONS}
    for name in ("ignore_changes", "replace_on_changes"):
        options[name] = [*options[name]]
    return {**options, "secret": sorted(_places(resource.secret_inputs))}


def _places(paths: Iterable[str], within: str = "") -> set[str]:
    """Return paths with the indices and names of lists' items removed."""
    return {_ITEM.sub("[]", f"{within}{path}") for path in paths}


def _fields(
    old: Any,  # noqa: ANN401 (data)
    new: Any,  # noqa: ANN401 (data)
    path: str,
    secret: set[str],
) -> Iterator[Field]:
    """Yield the changes at a path and below; `secret` are paths as `_places` returns them."""
    if old == new:
        return
    place = _ITEM.sub("[]", path)
    if place not in secret and isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from _fields(before.get(key), after.get(key), inner, secret)
    elif place not in secret and isinstance(old, list) and isinstance(new, list):
        yield from _items(cast("list[Any]", old), cast("list[Any]", new), path, secret)
    else:
        within = (f"{place}.", f"{place}[")
        hidden = any(each == place or each.startswith(within) for each in secret)
        yield path, _told(old, hidden=hidden), _told(new, hidden=hidden)


def _told(value: Any, *, hidden: bool) -> Any:  # noqa: ANN401 (data)
    return SECRET if hidden and value is not None else value


def _items(old: list[Any], new: list[Any], path: str, secret: set[str]) -> Iterator[Field]:
    """Yield the changes of two lists' items: matched by name if all have one, else by alignment."""
    before, after = ({_key(item): item for item in items} for items in (old, new))
    named = None not in {**before, **after} and [len(before), len(after)] == [len(old), len(new)]
    inner = _ITEM.sub("[]", f"{path}[]")
    if not named or {inner, f"{inner}.name"} & secret:
        for first, second in _aligned(old, new):
            place = f"{path}[{first if second is None else second}]"
            was = None if first is None else old[first]
            becomes = None if second is None else new[second]
            yield from _fields(was, becomes, place, secret)
        return
    for key in {**after, **before}:
        yield from _fields(before.get(key), after.get(key), f"{path}[{key}]", secret)
    first, second = (", ".join(map(str, keys)) for keys in (before, after))
    appended = dict.fromkeys([*(key for key in before if key in after), *after])
    if _ORDERED.search(path) and [*appended] != [*after]:
        yield f"{path} order", first, second


def _aligned(old: list[Any], new: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Yield the indices at which two lists differ, once their common items are aligned."""
    first, second = (
        [json.dumps(item, sort_keys=True, default=str) for item in items] for items in (old, new)
    )
    for what, *ends in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if what != "equal":
            yield from zip_longest(range(*ends[:2]), range(*ends[2:]))


def _key(item: Any) -> str | None:  # noqa: ANN401 (data)
    if not isinstance(item, dict):
        return None
    fields = cast("dict[str, Any]", item)
    destination: Mapping[str, Any] = fields.get("destination") or {}
    key = fields.get("name") or destination.get("subset") or destination.get("host")
    return key if isinstance(key, str) and "]" not in key else None
