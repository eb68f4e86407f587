"""Values and keys as messages for people show them."""

import json
from collections.abc import Iterable

from settings.forms import visible

SHOWN_CHARACTERS = 300


def readable(value: str) -> str:
    """A value on one line, in quotes where it is empty or not all visible, cut where it is long."""
    shown = value if value and visible(value) else json.dumps(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}…"


def no_such_key(key: str, known: Iterable[str]) -> str:
    """What is wrong with a key that doesn't exist, with the one that was probably meant."""
    import difflib  # noqa: PLC0415 (its import takes as long as reading all config)

    keys = [*known]
    similar = difflib.get_close_matches(key, keys, 1)
    if similar:
        return f"no such key; did you mean {similar[0]}?"
    return f"no such key: known are {', '.join(keys)}"
