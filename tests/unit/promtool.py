"""Prometheus' own tool, which reads rules and plays series to them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml


def promtool(folder: Path, *arguments: str) -> str:
    """What promtool says, run in a folder; skips the test where it isn't installed."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    command = ["promtool", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_rules(folder: Path, groups: Sequence[Mapping[str, Any]]) -> None:
    """Have Prometheus read rule groups: their form, and every expression."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": list(groups)}))
    promtool(folder, "check", "rules", "--lint-fatal", "rules.yaml")


def play(
    folder: Path, groups: Sequence[Mapping[str, Any]], tests: Sequence[Mapping[str, Any]]
) -> None:
    """Play series to rule groups and compare what comes of it.

    Source:
        https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
    """
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": list(groups)}))
    played = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": list(tests)}
    (folder / "test.yaml").write_text(yaml.safe_dump(played))
    promtool(folder, "test", "rules", "test.yaml")
