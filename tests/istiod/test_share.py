"""Of Istio's own valid objects nearly all are understood, and the page tells which aren't."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.istiod import built
from tests.istiod.share import LEAST, LIST, STEERING, measure

pytestmark = pytest.mark.istiod


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    found = built.binary()
    if found is None:
        pytest.skip("no istiod: ISTIOD=path/to/pilot-discovery, or make istiod, which builds it")
    if not isinstance(built.source(), Path):
        pytest.skip(str(built.source()))
    return measure(found)


def test_of_each_kind_that_steers_requests_nearly_all_are_understood(read: dict[str, Any]) -> None:
    few = {
        each["kind"]: each
        for each in read["kinds"]
        if each["kind"] in STEERING and each["understood"] < each["valid"] * LEAST / 100
    }
    assert few == {}


def test_the_page_has_what_is_measured(read: dict[str, Any]) -> None:
    assert yaml.safe_load(LIST.read_text(encoding="utf-8")) == read, "make understood docs"
