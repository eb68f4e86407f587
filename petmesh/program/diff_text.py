"""Changed fields as text of one line, shortened."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from petmesh.program.urls import without_credentials

Field = tuple[str, Any, Any]
# How many fields of one resource are shown; how long an old or new value may be, and how long an
# added or removed one.
FIELDS, LENGTH, ALONE = 6, 60, 200
_WHOLE = 100
_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")
_WEIGHT = re.compile(r"^(?P<route>.*)\.route\[(?P<target>[^\]]+)\]\.weight$")
# Prefixes of a field's path that every object has.
_AROUND = ("spec.template.spec.", "spec.", "metadata.")


def phrase(fields: Sequence[Field]) -> str:
    """Return fields' changes, separated by commas: `weight 10 -> 25`, `env[X] removed: c`.

    Args:
        fields: path, old value and new value of each; None stands for absent.
    """
    told = _weights(fields)
    text = [_told(*field) for field in told[:FIELDS]]
    if more := len(told) - len(text):
        text.append(f"and {more} more {'field' if more == 1 else 'fields'}")
    return ", ".join(text)


def _weights(fields: Sequence[Field]) -> list[Field]:
    """Return the fields, with two weights of one route merged into a single `weight`.

    They are merged if they add up to 100 before and after. A route names its stable version first,
    so the second weight is the one that is kept.
    """
    pairs: dict[str, list[Field]] = {}
    for field in fields:
        if match := _WEIGHT.match(field[0]):
            pairs.setdefault(match["route"], []).append(field)
    left_out: set[str] = set()
    renamed: dict[str, str] = {}
    for pair in pairs.values():
        if len(pair) == 2 and all(_share(pair, side) for side in (1, 2)):  # noqa: PLR2004 (a pair)
            left_out.add(pair[0][0])
            renamed[pair[1][0]] = "weight"
    return [
        (renamed.get(path, path), old, new) for path, old, new in fields if path not in left_out
    ]


def _share(pair: Sequence[Field], side: int) -> bool:
    weights: list[Any] = [field[side] for field in pair]
    return all(isinstance(weight, int) for weight in weights) and sum(weights) == _WHOLE


def _told(path: str, old: Any, new: Any) -> str:  # noqa: ANN401 (data)
    short = next((path.removeprefix(each) for each in _AROUND if path.startswith(each)), path)
    if old is None:
        is_scalar = not isinstance(new, dict | list) and not path.endswith("]")
        return f"{short} {'=' if is_scalar else 'added:'} {shown(cast('object', new))}"
    if new is None:
        return f"{short} removed: {shown(old)}"
    first, second = _text(old), _text(new)
    if first == second:
        first, second = _text(old, exact=True), _text(new, exact=True)
    begin = _shared(first, second) - LENGTH // 2
    return f"{short} {_cut(first, begin, LENGTH)} -> {_cut(second, begin, LENGTH)}"


def _shared(first: str, second: str) -> int:
    """Return the length of the prefix that two texts share."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))


def shown(value: object) -> str:
    """Return a value on one line of at most about `ALONE` characters, with digests shortened."""
    return _cut(_text(value), 0, ALONE)


def printable(text: str) -> str:
    r"""Return a text with unprintable characters escaped, such as `\n` or `\u202e`."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _text(value: object, *, exact: bool = False) -> str:
    """Return a value on one line; if `exact`, with type, white space and whole digest."""
    as_json = isinstance(value, bool | dict | list | str if exact else bool | dict | list)
    text = str(value)
    if as_json:
        text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    text = without_credentials(text)
    return printable(text if exact else _DIGEST.sub(r"\1…", " ".join(text.split())))


def _cut(text: str, begin: int, length: int) -> str:
    """Return a part of a text from an index on; from earlier if the rest is shorter."""
    begin = max(0, min(begin, len(text) - length))
    end = begin + length
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"
