"""Changed fields in words: short enough for a line, and never a dump."""

import json
import re
from collections.abc import Sequence
from typing import Any

Field = tuple[str, Any, Any]
# How many fields of one resource are told, and how long a value may be.
FIELDS, LENGTH = 6, 60
_WHOLE = 100
_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")
_WEIGHT = re.compile(r"^(?P<route>.*)\.route\[(?P<target>[^\]]+)\]\.weight$")
# What every object of a kind has around what is worth telling.
_AROUND = ("spec.template.spec.", "spec.", "metadata.")


def phrase(fields: Sequence[Field]) -> str:
    """Fields' changes, separated by commas: `weight 10 -> 25`, `image a -> b, env[X] removed`.

    Args:
        fields: path, old value and new value of each; None stands for absent.
    """
    told = _weights(fields)
    text = [_told(*field) for field in told[:FIELDS]]
    if len(told) > FIELDS:
        text.append(f"and {len(told) - FIELDS} more fields")
    return ", ".join(text)


def _weights(fields: Sequence[Field]) -> list[Field]:
    """The fields, of two weights that share the whole the second alone, as plain `weight`."""
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
        return f"{short} added" if isinstance(new, dict | list) else f"{short} = {shown(new)}"
    if new is None:
        return f"{short} removed"
    return f"{short} {shown(old)} -> {shown(new)}"


def shown(value: object) -> str:
    """A value in at most `LENGTH` characters on one line; digests are cut."""
    told = isinstance(value, bool | dict | list)
    text = json.dumps(value, sort_keys=True, default=str) if told else str(value)
    text = _DIGEST.sub(r"\1…", " ".join(text.split()))
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}…"
