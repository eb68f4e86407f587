"""Helm charts in folders."""

from pathlib import Path
from typing import Any

import yaml


def chart_version(chart: Path) -> str:
    """Return the version of the chart in a folder; empty where there is none that can be read."""
    try:
        facts: Any = yaml.safe_load((chart / "Chart.yaml").read_text())
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ""
    match facts:
        case {"version": str(version)}:
            return version
        case _:
            return ""
