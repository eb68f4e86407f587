"""What is known to be good of an object: a table of its fields, judged by one walker.

A table's key is a path, or some with commas between them: `spec.rules[].hosts[]`, `ports.*.mode`,
`values.**.privileged`; the empty one is the value itself. It leads to what the field may hold:

- values: the first is told, and `null` allows it to be absent;
- `$like`, `$unlike`: a pattern of its whole text, JSON where it isn't one; empty where absent;
- `$most`: a number, whatever its unit; `$narrow`: a range of addresses that tells who is meant;
  `$elsewhere`: no address of the node's own;
- another table, that has `$when` or `$unless` with other fields' values, on which it depends;
- `$closed`: a table that refuses, by name, a field that is neither its own nor one of some names;
  with `$among`, a field whose name is like a pattern;
- `$yaml`: a table of the map that its text is, in YAML or JSON; `$all`: several of these.

`$fix` says what to do instead of setting it to the first value, `$why` adds the reason, and
`$whole` holds a patch to it even where it is absent.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast

import yaml

from petmesh.guardrails.ranges import names_nobody, of_node
from petmesh.guardrails.subject import Violation
from petmesh.guardrails.values import UNKNOWN, entries, first, found, joined, may_be, members

LIST: Final = "petmesh/guardrails/tables/allowed.yaml"
UNLISTED: Final = f"it isn't known to be good: remove it, or list it in {LIST} with the reason"
Judge = Callable[[str, Any], Iterable[Violation]]
_Tests = Callable[[Any], bool]


def shape(node: Any) -> Judge:  # noqa: ANN401 (data)
    """A check of a value at a path by a table, as YAML has it; ValueError for an unknown word."""
    if callable(node):
        return cast("Judge", node)
    if isinstance(node, dict):
        fields = entries(node)
        if wrong := {key for key in fields if key not in _TESTS and not _OTHERS.fullmatch(key)}:
            raise ValueError(f"a table has no {', '.join(sorted(wrong))}")
        for name, test in _TESTS.items():
            if name in fields:
                return partial(_leaf, partial(test, fields[name]), _fix(fields, []))
        if "$yaml" in fields:
            return partial(_text, shape(fields["$yaml"]), _fix(fields, []))
        if "$all" in fields:
            return partial(_each, [*map(shape, fields["$all"])])
        return _table(fields)
    values = _listed(node)
    return partial(_leaf, partial(_TESTS["$one"], values), _fix({}, values))


def _table(fields: Mapping[str, Any]) -> Judge:
    inner = {
        key: shape(node)
        for keys, node in fields.items()
        for key in keys.split(", ")
        if not keys.startswith("$")
    }
    names = fields.get("$closed")
    known = None if names is None else {*names.split(), *map(first, inner)}
    return partial(_fields, inner, known, fields)


def _fix(fields: Mapping[str, Any], values: list[Any]) -> tuple[str, bool]:
    values = members(fields.get("$one")) or values
    first = values[0] if values else None
    order = fields.get("$fix")
    if order is None:
        text = first if isinstance(first, str) else json.dumps(first)
        order = f"set it to {text}" if first or None not in values else "remove it"
    return f"{order}: {fields['$why']}" if "$why" in fields else order, "$whole" in fields


def _each(judges: Iterable[Judge], path: str, data: Any) -> Iterator[Violation]:  # noqa: ANN401
    for judge in judges:
        yield from judge(path, data)


def _leaf(good: _Tests, fix: tuple[str, bool], path: str, data: Any) -> Iterator[Violation]:  # noqa: ANN401
    if data is not UNKNOWN and not good(data):
        yield Violation(path, data, *fix)


def _text(judge: Judge, fix: tuple[str, bool], path: str, text: Any) -> Iterator[Violation]:  # noqa: ANN401 (data)
    if text is None or text is UNKNOWN:
        return
    try:
        data = yaml.safe_load(str(text))
    except yaml.YAMLError:
        data = None
    yield from judge(path, data) if isinstance(data, dict) else [Violation(path, text, *fix)]


def _fields(
    inner: Mapping[str, Judge],
    known: set[str] | None,
    fields: Mapping[str, Any],
    path: str,
    data: Any,  # noqa: ANN401 (data)
) -> Iterator[Violation]:
    when, unless = entries(fields.get("$when")), entries(fields.get("$unless"))
    if (
        data is UNKNOWN
        or any(may_be(_value(data, key), *_listed(values)) for key, values in unless.items())
        or not all(_value(data, key) in _listed(values) for key, values in when.items())
    ):
        return
    for key, judge in inner.items():
        for where, value in found(data, key, path):
            yield from judge(where, value)
    if known is not None:
        among = re.compile(fields.get("$among", ".*"))
        for name, value in entries(data).items():
            if value is not None and name not in known and among.fullmatch(name):
                yield Violation(joined(path, name), value, UNLISTED)


def _value(data: Any, key: str) -> Any:  # noqa: ANN401 (data)
    return next(found(data, key), ("", None))[1]


def _listed(values: Any) -> list[Any]:  # noqa: ANN401 (data)
    return members(values) if isinstance(values, list) else [values]


def _one_of(values: list[Any], data: Any) -> bool:  # noqa: ANN401 (data)
    return any(data is value or data == value for value in values)


def _like(pattern: str, data: Any) -> bool:  # noqa: ANN401 (data)
    text = "" if data is None else data if isinstance(data, str) else json.dumps(data, default=str)
    return re.fullmatch(pattern, text) is not None


def _partly_known(data: Any) -> bool:  # noqa: ANN401 (data)
    return any(value is UNKNOWN for _, value in found(data, "**"))


def _most(limit: int, data: Any) -> bool:  # noqa: ANN401 (data)
    number = re.match(r"\d+", str(data))
    return number is not None and int(number[0]) <= limit


_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$one": lambda values, data: _one_of(values, data) or _partly_known(data),
    "$like": lambda pattern, data: _like(pattern, data) or _partly_known(data),
    "$unlike": lambda pattern, data: not _like(pattern, data),
    "$most": _most,
    "$narrow": lambda _, cidr: not names_nobody(cidr),
    "$elsewhere": lambda _, address: not of_node(address),
}
_OTHERS: Final = re.compile(r"\$(?:all|yaml|when|unless|closed|among|fix|why|whole)|[^$].*|")
