"""Envoy's messages as istiod writes them in JSON, with the names of fields as they are declared."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

_UPPER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FIELD: Final = re.compile(r"[a-z][a-zA-Z0-9]*")
# Names whose digits are a word of their own.
_DIGITS: Final = {
    "accept_http10": "accept_http_10",
    "consecutive5xx": "consecutive_5xx",
    "enforcing_consecutive5xx": "enforcing_consecutive_5xx",
    "proxy100_continue": "proxy_100_continue",
}
# What is in these are data, whose keys are no names of fields.
_DATA: Final = ("filterMetadata", "runtimeValues")
_STRUCTS: Final = ("TypedStruct",)


def declared_names(held: object) -> Any:  # noqa: ANN401 (JSON)
    """Return a message in which the names of fields are in snake case instead of camel case."""
    if isinstance(held, list):
        return [declared_names(each) for each in cast("list[object]", held)]
    if not isinstance(held, Mapping):
        return held
    message = cast("Mapping[str, object]", held)
    if str(message.get("@type", "")).endswith(_STRUCTS):
        return message
    result: dict[str, Any] = {}
    for key, value in message.items():
        is_data = key in _DATA or (key == "match" and "transportSocket" in message)
        result[_declared(key)] = value if is_data else declared_names(value)
    return result


def _declared(key: str) -> str:
    if not _FIELD.fullmatch(key):
        return key
    name = _UPPER.sub("_", key).lower()
    return _DIGITS.get(name, name)
