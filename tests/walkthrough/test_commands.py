"""The commands of docs/services.md, run where its service was added."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.walkthrough.steps import NAME, add_service, commands, copy_checkout, made, release


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copy_checkout(tmp_path_factory.mktemp("added"))
    add_service(copy)
    return copy


@pytest.mark.parametrize("config", [{}, release()], ids=["added", "released"])
def test_no_guard_rail_has_anything_against_it(checkout: Path, config: Mapping[str, str]) -> None:
    assert "make policy" in commands()
    pairs = " ".join(f"{key}={value}" for key, value in config.items())
    told = made(checkout, "policy", *([f"CONFIG={pairs}"] if pairs else []))
    assert told.endswith(": no violation\n")


def test_a_preview_shows_it(checkout: Path) -> None:
    [preview] = [each for each in commands() if "preview" in each]
    assert f"{NAME}-v1-deployment" in made(checkout, *preview.split()[1:])
