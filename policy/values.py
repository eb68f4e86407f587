"""Properties as a policy reads them: plain data, in which a preview leaves some values unknown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from pulumi_policy.proxy import UnknownValueError

_SHOWN: Final = 80


class Unknown:
    """Stands for a value that only the update will tell; a rule judges it then."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


def plain(value: Any) -> Any:  # noqa: ANN401 (data)
    """Plain data of what the engine hands over; unknown values become `UNKNOWN`.

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
    return value


def _item(container: Any, key: Any) -> Any:  # noqa: ANN401 (data)
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def at(data: Any, path: str) -> Any:  # noqa: ANN401 (data)
    """What lies at a path such as `spec.template.spec`: None where absent, or `UNKNOWN`."""
    for key in path.split("."):
        if data is UNKNOWN:
            return UNKNOWN
        data = cast("dict[str, Any]", data).get(key) if isinstance(data, dict) else None
    return data


def may_be(value: Any, *wanted: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a value is one of some, or isn't known yet."""
    return value is UNKNOWN or value in wanted


def items(data: Any, path: str) -> list[tuple[str, Any]]:  # noqa: ANN401 (data)
    """A list's known members, each with its own path, such as `spec.containers[0]`."""
    found = at(data, path)
    members = cast("list[Any]", found) if isinstance(found, list) else []
    return [
        (f"{path}[{index}]", member)
        for index, member in enumerate(members)
        if member is not UNKNOWN and member is not None
    ]


def entries(data: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 (data)
    """A map's entries; none where it is absent or not known yet."""
    found = at(data, path)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def shown(value: object) -> str:
    """A value in a message: as JSON, cut where it is long; `not set` for none."""
    text = "not set" if value is None else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def strings(data: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 (data)
    """Every text that data holds, each with its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, Mapping):
        for key, value in cast("Mapping[str, Any]", data).items():
            yield from strings(value, f"{path}.{key}" if path else key)
    elif isinstance(data, Sequence):
        for index, value in enumerate(cast("Sequence[Any]", data)):
            yield from strings(value, f"{path}[{index}]")


def settings(data: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 (data)
    """What is set anywhere in data: a path, a name and a value that is no container each."""
    if isinstance(data, Mapping):
        for key, value in cast("Mapping[str, Any]", data).items():
            inner = f"{path}.{key}" if path else key
            if isinstance(value, Mapping | list):
                yield from settings(value, inner)
            else:
                yield inner, key, value
    elif isinstance(data, list):
        for index, value in enumerate(cast("list[Any]", data)):
            yield from settings(value, f"{path}[{index}]")
