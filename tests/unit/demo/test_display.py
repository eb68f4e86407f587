"""Tables on a narrow page."""

import re

import pytest

from demo.display import WIDTH, Display
from tests.unit.mesh.meshes import mesh


def test_what_is_left_out_keeps_its_name_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    omissions = mesh().omissions
    Display().left_out(omissions)
    shown = capsys.readouterr().out
    names = {word for each in omissions for word in re.findall(r"[A-Za-z]{3,}", each.what)}
    assert "holdApplicationUntilProxyStarts" in names
    assert {name for name in names if name not in shown} <= {"spec", "template"}
    assert {word for each in omissions for word in each.reason.split()} <= {*shown.split()}
    assert max(map(len, shown.splitlines())) <= WIDTH
