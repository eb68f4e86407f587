"""What is known to be good of an object: a table of its fields, and what else is refused by name.

A table's key is a field's name, with `[]` for a list; its value says what the field may hold:
`ANY`, `only(…)` some values, another table, or a check of a path and a value. A field that a table
doesn't have is refused, unless the table is open: then it has only what matters to security.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from policy.subject import Trouble
from policy.values import UNKNOWN

UNLISTED: Final = "no rule knows it: remove it, or list it in policy/allowed.py with the reason"


@dataclass(frozen=True)
class Only:
    """A field that holds one of some values; None among them allows it to be absent."""

    values: tuple[Any, ...]
    mend: str


@dataclass(frozen=True)
class Anything:
    """A field that may hold anything."""


Check = Callable[[str, Any], Iterator[Trouble]]
Shape = Only | Anything | Check | Mapping[str, "Shape"]
ANY: Final = Anything()
OPEN: Final[Mapping[str, Shape]] = {"*": ANY}


def known(names: str) -> dict[str, Shape]:
    """Fields, named with blanks between them, that may hold anything."""
    return dict.fromkeys(names.split(), ANY)


def only(*values: object, mend: str = "remove it") -> Only:
    """A field that holds one of some values, and what to do otherwise."""
    return Only(values, mend)


NO: Final = Only((False, None), "remove it")
OFF: Final = Only((False,), "set it to false")
ON: Final = Only((True,), "set it to true")
KEPT: Final = Only((True, None), "set it to true")


def judge(shape: Shape, data: Any, path: str = "") -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """What isn't as a table says."""
    if data is UNKNOWN or isinstance(shape, Anything):
        return
    if isinstance(shape, Only):
        if not any(data is value or data == value for value in shape.values):
            yield Trouble(path, data, shape.mend)
    elif isinstance(shape, Mapping):
        yield from _fields(cast("Mapping[str, Shape]", shape), data, path)
    else:
        yield from shape(path, data)


def _fields(shape: Mapping[str, Shape], data: Any, path: str) -> Iterator[Trouble]:  # noqa: ANN401
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", data) if isinstance(data, Mapping) else {}
    within = f"{path}." if path else ""
    for key, inner in shape.items():
        name = key.removesuffix("[]")
        value = fields.get(name)
        if name == key and name != "*":
            yield from judge(inner, value, f"{within}{name}")
        for index, member in enumerate(_members(value) if name != key else ()):
            yield from judge(inner, member, f"{within}{name}[{index}]")
    if "*" not in shape:
        for name in fields:
            if name not in shape and f"{name}[]" not in shape and fields[name] is not None:
                yield Trouble(f"{within}{name}", fields[name], UNLISTED)


def _members(value: Any) -> list[Any]:  # noqa: ANN401 (data)
    return cast("list[Any]", value) if isinstance(value, list) else []
