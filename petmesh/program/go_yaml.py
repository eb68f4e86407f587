"""YAML as the Pulumi CLI reads it: by Go's yaml.v3, which is neither YAML 1.1 nor 1.2.

A plain `010` is 8 and `1e1` is 10, as in 1.1 or in 1.2 alone; `yes` and `1:30` are text, as in 1.2.

Source:
    https://github.com/go-yaml/yaml/blob/v3/resolve.go
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.constructor import ConstructorError

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = "plain"
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{f".{word}": float("nan") for word in ("nan", "NaN", "NAN")},
    **{f"{sign}.{word}": float("inf") for sign in ("", "+") for word in ("inf", "Inf", "INF")},
    **{f"-.{word}": float("-inf") for word in ("inf", "Inf", "INF")},
}
_KINDS: Final = {bool: "bool", type(None): "null", int: "int", float: "float", str: "str"}
_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[bB]([01]+)|0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_BASES: Final = (2, 16, 8, 10)
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
# No config is larger; a few lines of aliases of aliases expand to billions.
_MOST: Final = 1_000_000
_DEEPEST: Final = 200
if TYPE_CHECKING:
    _Parser = yaml.SafeLoader
else:
    # libyaml's, where PyYAML comes with it, is many times as fast.
    _Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
# In a number that starts with the point, an underscore is allowed only between two digits.
_FRACTION: Final = re.compile(r"\.[0-9](_?[0-9])*([eE][-+]?[0-9](_?[0-9])*)?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:([Tt ])(\d\d?):(\d\d?):(\d\d?)(?:[.,](\d+))?(Z|([-+])(\d\d):(\d\d))?)?",
    re.ASCII,
)


class Timestamp(str):
    """A timestamp, formatted as by Go."""

    __slots__ = ()


class OtherKey(str):
    """A key that isn't a string, formatted as by Go's `%v`."""

    __slots__ = ()


def load(text: str) -> Any:  # noqa: ANN401 (data)
    """Return the first document of a text: None, bool, int, float, str, list or dict with str keys.

    Raises:
        yaml.YAMLError: it is invalid, has a key twice, or a value that doesn't match its tag.
        RecursionError: it is nested too deeply, or contains itself.
    """
    loader = _loader(text, yaml.DocumentEndEvent)
    try:
        document: object = loader.get_data()
    finally:
        loader.dispose()
    if _size(document, {}) > _MOST:
        raise yaml.YAMLError("its aliases expand to too much")
    return document


def load_all(text: str) -> list[Any]:
    """Return every document of a text, each as `load` returns the first.

    Raises:
        yaml.YAMLError, RecursionError: as for `load`.
    """
    loader = _loader(text, yaml.StreamEndEvent)
    documents: list[Any] = []
    try:
        while loader.check_data():  # pyright: ignore[reportUnknownMemberType] (untyped)
            documents.append(loader.get_data())
    finally:
        loader.dispose()
    if _size(documents, {}) > _MOST:
        raise yaml.YAMLError("its aliases expand to too much")
    return documents


def as_text(value: Any) -> str:  # noqa: ANN401 (data)
    """Return a config value as a program gets it: a string unchanged, null as "", else Go's JSON.

    Raises:
        ValueError: a number is infinite or NaN, which JSON can't represent.
    """
    return "" if value is None else value if isinstance(value, str) else _json(value)


def in_one_line(error: Exception) -> str:
    """Return what is wrong with a text that can't be loaded, and where in it."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return " ".join(str(error).split()).replace(' in "<unicode string>"', "")


def _loader(text: str, end: type[yaml.Event]) -> "_Loader":
    """Return a loader of a text that isn't nested too deeply for libyaml, which would crash."""
    parser: Any = _Parser(text)
    depth = 0
    while not isinstance(event := parser.get_event(), (end, yaml.StreamEndEvent)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError
    return _Loader(text)


def _size(value: object, known: dict[int, int]) -> int:
    """Return the number of scalars, lists and maps in a value, counting each alias anew."""
    place = id(value)
    if place not in known:
        inner: Iterable[object] = ()
        if isinstance(value, list):
            inner = cast("list[object]", value)
        elif isinstance(value, dict):
            inner = cast("dict[str, object]", value).values()
        known[place] = 1 + sum(_size(item, known) for item in inner)
    return known[place]


def _json(value: Any) -> str:  # noqa: ANN401 (data)
    if isinstance(value, list):
        return f"[{','.join(_json(item) for item in cast('list[Any]', value))}]"
    if isinstance(value, dict):
        items = sorted(cast("dict[str, Any]", value).items())
        return f"{{{','.join(f'{_json(key)}:{_json(item)}' for key, item in items)}}}"
    if isinstance(value, float):
        return _number(value)
    text = json.dumps(value, ensure_ascii=False)
    # Go escapes these so that the JSON can be embedded in HTML.
    for each in "<>&\u2028\u2029":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return text


def _number(value: float) -> str:
    number = Decimal(repr(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no number that JSON has")
    if number == 0:
        return "0"
    if Decimal("1e-6") <= abs(number) < Decimal("1e21"):
        return format(number.normalize(), "f")
    return repr(value).replace("e-0", "e-").removesuffix(".0")


class _Loader(_Parser):
    """PyYAML's loader with Go's values."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:  # noqa: ANN401 (the library's)
        """Tag an untagged scalar as plain, so that the constructor resolves it."""
        if kind is ScalarNode:
            return f"{_TAG}merge" if value == "<<" and implicit[0] else _PLAIN
        return cast("str", super().resolve(kind, value, implicit))  # pyright: ignore[reportUnknownMemberType]

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 (the library's)
        """Construct a dict; a duplicate key is an error."""
        if not isinstance(node, MappingNode):
            raise ConstructorError(None, None, "must be a map", node.start_mark)
        seen: dict[str, int] = {}
        for key, _ in cast("list[tuple[Node, Node]]", node.value):
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, "a key must be a text", key.start_mark)
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConstructorError(
                    None, None, f"key {key.value} is given on line {seen[key.value]} already",
                    key.start_mark,
                )  # fmt: skip
            seen[key.value] = line
        self.flatten_mapping(node)
        construct: Callable[..., Any] = self.construct_object  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return {
            _key(construct(key, deep=True)): construct(value, deep=deep)
            for key, value in cast("list[tuple[Node, Node]]", node.value)
        }


def _key(key: Any) -> str:  # noqa: ANN401 (data)
    return key if isinstance(key, str) else OtherKey("<nil>" if key is None else as_text(key))


def _scalar(loader: _Loader, node: Node) -> Any:  # noqa: ANN401 (data)
    if not isinstance(node, ScalarNode):
        return _unknown(loader, node)
    text = cast("str", node.value)
    if node.tag == _PLAIN:
        return text if node.style else _resolved(text)
    kind = node.tag.removeprefix(_TAG)
    value = _resolved(text, timestamps=kind == "timestamp")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if ("timestamp" if isinstance(value, Timestamp) else _KINDS[type(value)]) != kind:
        raise ConstructorError(None, None, f"{text} is no {kind}", node.start_mark)
    return value


def _text(loader: _Loader, node: Node) -> Any:  # noqa: ANN401 (data)
    return node.value if isinstance(node, ScalarNode) else _unknown(loader, node)


def _binary(loader: _Loader, node: Node) -> Any:  # noqa: ANN401 (data)
    if not isinstance(node, ScalarNode):
        return _unknown(loader, node)
    try:
        content = base64.b64decode("".join(node.value.splitlines()), validate=True)
    except (binascii.Error, ValueError):
        raise ConstructorError(None, None, "is no base64", node.start_mark) from None
    return content.decode(errors="replace")


def _unknown(loader: _Loader, node: Node) -> Any:  # noqa: ANN401 (data)
    """Construct the value of an unknown tag as if it had none: a string, a list or a dict."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


def _resolved(text: str, *, timestamps: bool = True) -> Any:  # noqa: ANN401 (data)
    """Return the value of a plain scalar: a word, a timestamp, a number or else a string."""
    if text in _WORDS:
        return _WORDS[text]
    if timestamps and (moment := _timestamp(text)) is not None:
        return moment
    if _FRACTION.fullmatch(text):
        return float(text)
    plain = text.replace("_", "") if text[0] in "+-0123456789" else ""
    if found := _INTEGER.fullmatch(plain):
        sign, *digits = found.groups()
        value, base = next(
            (each, base) for each, base in zip(digits, _BASES, strict=True) if each is not None
        )
        number = int(f"{sign}{value}", base)
        if _SMALLEST <= number <= _LARGEST and not (sign == "+" and number >= 2**63):
            return number
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return number if abs(number) != float("inf") else text
    return text


def _timestamp(text: str) -> Timestamp | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    year, month, day, mark, hour, minute, second, fraction, zone, sign, hours, minutes = (
        found.groups()
    )
    if mark and (mark == " ") == bool(zone):
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    offset = -offset if sign == "-" else offset
    digits = (fraction or "")[:9].rstrip("0")
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=timezone(offset),
        )  # fmt: skip
    except ValueError:
        return None
    named = moment.strftime("%z") if offset else "UTC"
    return Timestamp(
        f"{moment:%Y-%m-%d %H:%M:%S}{f'.{digits}' if digits else ''} {moment:%z} {named}"
    )


for _tag in (_PLAIN, *(f"{_TAG}{kind}" for kind in ("bool", "null", "int", "float", "timestamp"))):
    _Loader.add_constructor(_tag, _scalar)
_Loader.add_constructor(f"{_TAG}str", _text)
_Loader.add_constructor(f"{_TAG}binary", _binary)
for _tag in (f"{_TAG}set", f"{_TAG}omap", f"{_TAG}pairs", None):
    _Loader.add_constructor(_tag, _unknown)
