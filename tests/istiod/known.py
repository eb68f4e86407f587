"""The differences between istiod and the translation that are known, each with its reason."""

import re
from pathlib import Path
from typing import Any

import yaml

from petmesh.project import ROOT
from tests.istiod.compare import Difference

LIST = ROOT / "docs" / "istiod_differences.yaml"


def known(file: Path = LIST) -> list[dict[str, Any]]:
    """The list: what differs, how it is told in a comparison, and why."""
    held: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return held


def is_known(difference: Difference) -> bool:
    """Whether the list has a difference."""
    text = f"{difference.subject}: {difference.path}: {difference.istiod} / {difference.rehearsal}"
    return any(re.search(each["seen"], text) for each in known() if each.get("seen"))
