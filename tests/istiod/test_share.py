"""Of Istio's own valid objects nearly all are understood, and the page tells which aren't."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.istiod import built
from tests.istiod.found import Found
from tests.istiod.share import LEAST, LIST, STEERING, found_and_valid, lax, measured

pytestmark = pytest.mark.istiod


@pytest.fixture(scope="module")
def objects() -> tuple[list[Found], list[Found]]:
    found = built.binary()
    if found is None:
        pytest.skip("no istiod: ISTIOD=path/to/pilot-discovery, or make istiod, which builds it")
    if not isinstance(built.source(), Path):
        pytest.skip(str(built.source()))
    return found_and_valid(found)


@pytest.fixture(scope="module")
def read(objects: tuple[list[Found], list[Found]]) -> dict[str, Any]:
    return measured(*objects)


def test_of_each_kind_that_steers_requests_nearly_all_are_understood(read: dict[str, Any]) -> None:
    few = {
        each["kind"]: each
        for each in read["kinds"]
        if each["kind"] in STEERING and each["understood"] < each["valid"] * LEAST / 100
    }
    assert few == {}


def test_the_page_has_what_is_measured(read: dict[str, Any]) -> None:
    assert yaml.safe_load(LIST.read_text(encoding="utf-8")) == read, "make understood docs"


def test_none_is_taken_that_istiod_refuses(objects: tuple[list[Found], list[Found]]) -> None:
    assert lax(*objects) == []
