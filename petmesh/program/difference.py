"""What differs between two declarations."""

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

# What the program asks the engine for, beside a resource's inputs.
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
# Lists whose order means something though their items have names: the first route that matches is
# taken, and init containers run one after another.
_ORDERED = re.compile(r"(^|\.)(http|tls|tcp|initContainers)$")
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
        name: its name in the cluster or cloud, or else its logical name; with its namespace where
            another of its type has that name too.
        fields: what changed: path, old value, new value; None stands for absent, `SECRET` for a
            secret. A list's item is told by its name, such as `containers[petservice]`, else by its
            place.
        note: what else is worth a word: the key fact of what comes or goes, or that an image is
            built anew.
    """

    change: Literal["+", "-", "~"]
    type: str
    name: str
    fields: tuple[Field, ...] = ()
    note: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type: `VirtualService`."""
        return self.type.rpartition(":")[2]

    def __str__(self) -> str:
        told = "; ".join(filter(None, (phrase(self.fields), self.note)))
        return f"{self.change} {self.kind} {self.name}" + (f": {told}" if told else "")


def compare(before: Declaration, after: Declaration) -> tuple[Difference, ...]:
    """What an update from one declaration to the other would touch, components left aside."""
    return differences(before.resources, after.resources)


def differences(
    before: Sequence[Resource],
    after: Sequence[Resource],
    built: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[Difference, ...]:
    """What an update from some resources to others would touch, components left aside.

    Args:
        before: the resources that there are.
        after: those that are to be.
        built: the images that are built anew, by logical name, with the files that changed.
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
    """What differs in the outputs of two stacks, as a change of the stack itself; or nothing."""
    secret = before.secret_outputs | after.secret_outputs
    fields = (
        *_fields(before.outputs, after.outputs, "outputs", _places(secret, "outputs.")),
        *_fields(sorted(before.secret_outputs), sorted(after.secret_outputs), "secret", set()),
    )
    return (Difference("~", STACK_TYPE, after.stack, fields),) if fields else ()


def _names(resources: Iterable[Resource]) -> dict[str, str]:
    """What each resource is called, by its URN."""
    named = {resource.urn: (resource.type, *_name(resource)) for resource in resources}
    bearers = Counter((type_, name) for type_, _, name in named.values())
    return {
        urn: f"{namespace}/{name}" if namespace and bearers[type_, name] > 1 else name
        for urn, (type_, namespace, name) in named.items()
    }


def _name(resource: Resource) -> tuple[str, str]:
    """A resource's namespace, empty for none, and its name."""
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    if any(path.startswith("metadata") for path in resource.secret_inputs):
        metadata = {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or resource.name)


def _built_anew(resource: Resource, images: Mapping[str, Sequence[str]]) -> str:
    """What images that are built anew, by URN with the files that changed, do to a resource."""
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
    """Paths in which a list's items are all one."""
    return {_ITEM.sub("[]", f"{within}{path}") for path in paths}


def _fields(
    old: Any,  # noqa: ANN401 (data)
    new: Any,  # noqa: ANN401 (data)
    path: str,
    secret: set[str],
) -> Iterator[Field]:
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
        yield from _items(cast("list[Any]", old), cast("list[Any]", new), path, secret)
    else:
        within = (f"{place}.", f"{place}[")
        hidden = any(each == place or each.startswith(within) for each in secret)
        yield path, _told(old, hidden=hidden), _told(new, hidden=hidden)


def _told(value: Any, *, hidden: bool) -> Any:  # noqa: ANN401 (data)
    return SECRET if hidden and value is not None else value


def _items(old: list[Any], new: list[Any], path: str, secret: set[str]) -> Iterator[Field]:
    """What differs between two lists' items: by name where all have one, else by place."""
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
    """The places at which two lists differ, once the items that both have lie side by side."""
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
