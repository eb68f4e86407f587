"""Properties as a policy reads them: plain data, in which a preview leaves some values unknown."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from pulumi_policy import Secret
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

_SHOWN: Final = 80
_STEP: Final = re.compile(r"\*\*\.?|\[\]\.?|\[([^\]]+)\]\.?|([^.\[]+)\.?")


class Unknown:
    """A value that only the update will know."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


class Confidential(str):
    """A string that is a Pulumi secret: encrypted in the stack's state."""

    __slots__ = ()


def plain(value: Any) -> Any:  # noqa: ANN401 (data)
    """A resource's properties as plain data; unknown values become `UNKNOWN`.

    The SDK gives up the whole rule where it reads one unknown value, so that an image that is not
    pushed yet would hide a privileged container beside it.
    """
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return {key: _item(mapping, key) for key in mapping}
    if isinstance(value, Sequence) and not isinstance(value, str):
        sequence = cast("Sequence[Any]", value)
        return [_item(sequence, index) for index in range(len(sequence))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Secret):
        told = _item(unknown_checking_proxy({"": value.value}), "")
        return Confidential(told) if isinstance(told, str) else told
    return value


def _item(container: Any, key: Any) -> Any:  # noqa: ANN401 (data)
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def at(data: Any, path: str) -> Any:  # noqa: ANN401 (data)
    """The value at a path such as `spec.template.spec`: None where absent, or `UNKNOWN`."""
    for key in path.split("."):
        if data is UNKNOWN:
            return UNKNOWN
        data = cast("dict[str, Any]", data).get(key) if isinstance(data, dict) else None
    return data


def may_be(value: Any, *wanted: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a value is one of some, or isn't known yet."""
    return value is UNKNOWN or value in wanted


def found(data: Any, key: str, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """The values at a key such as `spec.rules[].from[].source`, each with its own path.

    `[]` stands for every member of a list that is set, `*` for every entry of a map, `**` for what
    is set at any depth; `[a.b/c]` is an entry whose name has dots. Without stars it is one value:
    None where absent, or `UNKNOWN`.
    """
    if not key or data is UNKNOWN:
        yield path, data
        return
    name, rest = _step(key)
    if name == "**":
        yield from _below(data, rest, path)
    elif name == "*":
        for entry, value in entries(data).items():
            yield from found(value, rest, joined(path, entry))
    elif name == "[]":
        for index, member in enumerate(members(data)):
            if member is not None and member is not UNKNOWN:
                yield from found(member, rest, f"{path}[{index}]")
    else:
        value = entries(data).get(name)
        yield from found(value, rest, joined(path, name))


@cache
def _step(key: str) -> tuple[str, str]:
    """A key's first name or wildcard, and the rest of the key."""
    if not (step := _STEP.match(key)):
        raise ValueError(f"{key} is no path")
    return step[1] or step[2] or step[0].removesuffix("."), key[step.end() :]


def first(key: str) -> str:
    """The name that a key begins with."""
    return _step(key)[0] if key else ""


def last(path: str) -> str:
    """The name that a path ends with, after its last dot; a list's member has its number."""
    return re.split(r"[.\[]", path.removesuffix("]"))[-1]


def _below(data: Any, key: str, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """The values at a key, at any depth, that are set."""
    inner = [(joined(path, name), value) for name, value in entries(data).items()]
    inner += [(f"{path}[{index}]", member) for index, member in enumerate(members(data))]
    if key or not (inner or data is None):
        yield from ((where, value) for where, value in found(data, key, path) if value is not None)
    for where, value in inner:
        yield from _below(value, key, where)


def members(data: Any) -> list[Any]:  # noqa: ANN401 (data)
    """A list's members; none where it is absent or not known yet."""
    return cast("list[Any]", data) if isinstance(data, list) else []


def held(data: Any, path: str) -> list[Any]:  # noqa: ANN401 (data)
    """A list's members, those too that aren't known yet; one such where the list isn't."""
    value = at(data, path)
    return [UNKNOWN] if value is UNKNOWN else members(value)


def joined(path: str, name: str) -> str:
    """The path of something named within what has a path; a name with dots is in brackets."""
    if "." in name:
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def entries(data: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 (data)
    """A map's entries; none where it is absent or not known yet."""
    holder = at(data, path) if path else data
    return cast("dict[str, Any]", holder) if isinstance(holder, dict) else {}


def shown(value: object) -> str:
    """A value in a message: as JSON, cut where it is long; `not set` for none."""
    text = "not set" if value is None else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
