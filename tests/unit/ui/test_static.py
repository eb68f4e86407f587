"""The page's own files."""

import hashlib
import re
from typing import Any

import pytest
import yaml

from petmesh.ui.server import STATIC

VENDOR = STATIC / "vendor"
LIBRARIES: list[dict[str, Any]] = yaml.safe_load((VENDOR / "libraries.yaml").read_text())
OWN = sorted(each for each in STATIC.iterdir() if each.suffix in (".js", ".html", ".css"))


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each["name"])
def test_a_library_is_the_pinned_one_with_its_licence(library: dict[str, Any]) -> None:
    assert library["licence"] in ("MIT", "Apache-2.0")
    assert any(name.endswith(".LICENSE") for name in library["files"])
    for name, expected in library["files"].items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == expected, name


def test_no_other_file_is_shipped_beside_the_libraries() -> None:
    pinned = {name for library in LIBRARIES for name in library["files"]}
    assert {each.name for each in VENDOR.iterdir()} == {*pinned, "libraries.yaml"}


@pytest.mark.parametrize("file", OWN, ids=lambda each: each.name)
def test_nothing_is_loaded_from_elsewhere_or_read_as_markup(file: Any) -> None:  # noqa: ANN401
    text = file.read_text()
    addresses = set(re.findall(r"https?://[^\s'\"`)]+", text))
    assert {each for each in addresses if "w3.org" not in each} <= {"http://service:port/path"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", text) or file.suffix == ".js"
