"""A change's canary, measured for its review."""

from pathlib import Path

import pytest

from petmesh.cli.app import main

pytestmark = pytest.mark.envoy


def test_the_share_of_the_configured_weight_is_measured(tmp_path: Path) -> None:
    output = tmp_path / "report.md"
    status = main(
        [
            *("report", "--base", "HEAD", "--stack", "local", "--requests", "1000"),
            *("--output", str(output), "--config", "canaryWeight=30"),
        ]
    )
    report = output.read_text()
    assert "`petdetailsservice-v2` is to get 30%, and got " in report
    assert "of 1,000 requests (99.9% interval 25." in report
    assert status == 0, report
