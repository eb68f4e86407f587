"""What a table of good values says of an object."""

from typing import Any

import pytest

from petmesh.guardrails.shape import UNLISTED, shape
from petmesh.guardrails.values import UNKNOWN, found

DATA: dict[str, Any] = {
    "spec": {"ports": [{"name": "a"}, {"name": "b"}], "by.dots/x": 1, "none": None},
}


@pytest.mark.parametrize(
    ("key", "lying"),
    [
        ("spec.ports[].name", [("spec.ports[0].name", "a"), ("spec.ports[1].name", "b")]),
        ("spec[by.dots/x]", [("spec[by.dots/x]", 1)]),
        ("spec.absent.deeper", [("spec.absent.deeper", None)]),
        ("spec.absent[].name", []),
        ("**.name", [("spec.ports[0].name", "a"), ("spec.ports[1].name", "b")]),
        ("*.none", [("spec.none", None)]),
    ],
)
def test_what_lies_at_a_key(key: str, lying: list[tuple[str, Any]]) -> None:
    assert list(found(DATA, key)) == lying


def said(table: Any, data: Any) -> list[str]:  # noqa: ANN401 (data)
    """What a table says, as `path: fix`."""
    return [f"{each.field}: {each.fix}" for each in shape(table)("", data)]


@pytest.mark.parametrize(
    ("table", "data", "messages"),
    [
        ({"a": True}, {}, ["a: set it to true"]),
        ({"a": [True, None]}, {"a": False}, ["a: set it to true"]),
        ({"a": [False, None]}, {"a": True}, ["a: remove it"]),
        ({"a, b": ["x"]}, {"a": "x"}, ["b: set it to x"]),
        ({"a": {"$one": ["x"], "$why": "y"}}, {}, ["a: set it to x: y"]),
        ({"a": {"$unlike": "x.*", "$fix": "y"}}, {"a": "xx"}, ["a: y"]),
        ({"a": {"$like": r"\[.*\]", "$fix": "y"}}, {"a": {}}, ["a: y"]),
        ({"a": {"$most": 90, "$fix": "y"}}, {"a": "91s"}, ["a: y"]),
        ({"a": {"$most": 90, "$fix": "y"}}, {}, ["a: y"]),
        ({"a[]": {"$narrow": True, "$fix": "y"}}, {"a": ["0.0.0.0/1"]}, ["a[0]: y"]),
        ({"a": {"$closed": "b", "c": [1]}}, {"a": {"b": 2, "c": 1, "d": 3}}, [f"a.d: {UNLISTED}"]),
        ({"$closed": "a", "$among": "a.*"}, {"ab": 1, "b": 2}, [f"ab: {UNLISTED}"]),
        ({"$when": {"a": None}, "b": True}, {"a": 1}, []),
        ({"$when": {"a": [1]}, "b": True}, {"a": 1}, ["b: set it to true"]),
        ({"$unless": {"a": 1}, "b": True}, {"a": 1}, []),
        ({"$all": [{"a": 1}, {"b": 2}]}, {}, ["a: set it to 1", "b: set it to 2"]),
    ],
)
def test_what_a_table_says(table: Any, data: Any, messages: list[str]) -> None:  # noqa: ANN401
    assert said(table, data) == messages


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ({"a": True}, {"a": UNKNOWN}),
        ({"a": {"$like": "x", "$fix": "y"}}, {"a": [UNKNOWN]}),
        ({"a": {"b": True}}, {"a": UNKNOWN}),
        ({"$when": {"a": None}, "b": True}, {"a": UNKNOWN}),
        ({"$unless": {"a": 1}, "b": True}, {"a": UNKNOWN}),
    ],
)
def test_what_isnt_known_yet_is_no_trouble(table: Any, data: Any) -> None:  # noqa: ANN401
    assert said(table, data) == []


def test_a_word_that_no_table_has() -> None:
    with pytest.raises(ValueError, match=r"a table has no \$mned"):
        shape({"a": {"$like": "x", "$mned": "y"}})
