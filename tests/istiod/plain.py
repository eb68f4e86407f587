"""Envoy's messages in one form, whoever wrote them: durations as seconds."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

Json = dict[str, Any]
# Names, statistics and traces: no request meets them.
UNSEEN: Final = frozenset(
    (
        *("decorator", "metadata", "name", "stat_prefix", "tracing", "@type", "alt_stat_name"),
        # A gRPC client's own deadline is ignored by both.
        *("max_stream_duration", "max_grpc_timeout"),
        # How many more connections a cluster takes: a figure that is read.
        "track_remaining",
    )
)
_DURATION = re.compile(r"-?\d+(\.\d+)?s")


def plain(held: object) -> Any:  # noqa: ANN401 (JSON)
    """The same with durations as seconds, and without tuples."""
    if isinstance(held, list | tuple):
        return [plain(each) for each in cast("list[object]", held)]
    if isinstance(held, Mapping):
        return {key: plain(value) for key, value in cast("Mapping[str, object]", held).items()}
    if isinstance(held, str) and _DURATION.fullmatch(held):
        return float(held[:-1])
    return held


# The first of an enumeration is its default too.
_DEFAULTS: Final[tuple[Any, ...]] = ({}, [], None, "", False, "HUNDRED", "MOVED_PERMANENTLY")


def without(held: object, names: frozenset[str]) -> Any:  # noqa: ANN401 (JSON)
    """The same without fields of these names, at any depth, and without empty values."""
    if isinstance(held, list):
        return [without(each, names) for each in cast("list[object]", held)]
    if isinstance(held, dict):
        kept = {
            key: without(value, names)
            for key, value in cast("Json", held).items()
            if key not in names
        }
        return {key: value for key, value in kept.items() if not _is_default(value)}
    return held


def _is_default(value: object) -> bool:
    """Whether a value is one's of a field that isn't set; 0 isn't, though it equals False."""
    return any(type(value) is type(each) and value == each for each in _DEFAULTS)


def differences(one: object, other: object, path: str = "") -> list[tuple[str, object, object]]:
    """The paths at which two values differ, with both."""
    if isinstance(one, dict) and isinstance(other, dict):
        found: list[tuple[str, object, object]] = []
        first, second = cast("Json", one), cast("Json", other)
        for key in sorted({*first, *second}):
            found += differences(first.get(key), second.get(key), f"{path}.{key}" if path else key)
        return found
    if isinstance(one, list) and isinstance(other, list):
        left, right = cast("list[object]", one), cast("list[object]", other)
        if len(left) == len(right):
            pairs = enumerate(zip(left, right, strict=True))
            return [each for n, pair in pairs for each in differences(*pair, f"{path}[{n}]")]
    return [] if one == other else [(path, one, other)]
