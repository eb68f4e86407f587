"""Where no response of a cluster is as right as the 502 of a rehearsal."""

import pytest

from petmesh.expectations.live.askable import or_reset
from petmesh.expectations.live.callers import caller_of, is_unknown
from petmesh.expectations.model import Expectation
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input


@pytest.mark.parametrize(
    ("url", "unknown"),
    [
        ("http://secret.data/", True),
        ("http://billing.example.com/", True),
        ("https://billing.example.com/", True),
        ("http://web/", False),
        ("http://web:80/", False),
        ("http://web:81/", True),
    ],
)
def test_a_host_or_port_that_the_caller_does_not_know(url: str, *, unknown: bool) -> None:
    read = read_input((str(ROOT / "examples" / "views"),), "")
    question = Expectation.model_validate({"from": "client", "url": url, "expect": {"status": 502}})
    caller = caller_of(read.declaration, read.mesh, question)
    assert is_unknown(read.mesh, caller, question) is unknown


@pytest.mark.parametrize(("status", "right"), [(502, (502, 0)), (200, (200,))])
def test_a_502_may_be_a_reset(status: int, right: tuple[int, ...]) -> None:
    asked = Expectation.model_validate(
        {"from": "client", "url": "http://web/", "expect": {"status": status}}
    )
    assert or_reset(asked).expect.status == right
