"""Rehearsed ramps of any service and of any program, by what it exports."""

import shutil
from pathlib import Path

import pytest
import yaml

from petmesh.cli.app import main
from petmesh.project import ROOT
from petmesh.ramp.events import Judged
from petmesh.ramp.journal import Record, latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.outcome import PROMOTED, ROLLED_BACK
from tests.unit.declared import GIVEN

pytestmark = pytest.mark.envoy

QUICK = (
    *("--steps", "50,100", "--hold", "2s", "--interval", "500ms", "--silence", "30s"),
    *("--warm-up", "0s", "--min-requests", "100", "--latency-margin-ms", "100"),
)


def ramped(folder: Path, *options: str) -> tuple[int, Record]:
    command = ["ramp", "--target", "rehearsal", "--journal", str(folder), *QUICK, *options]
    status, record = main(command), latest(folder)
    assert record is not None
    return status, record


def shop(folder: Path, **workloads: object) -> Path:
    """A copy of the example program whose stand-ins do more."""
    copy = folder / "shop"
    shutil.copytree(ROOT / "examples/releases", copy)
    file = copy / "rehearsal.yaml"
    told = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({"workloads": {**workloads, **told["workloads"]}}))
    return copy


def test_the_public_service_is_ramped_by_its_keys_in_releases(tmp_path: Path) -> None:
    config = {
        "images": f'["petservice/v2={GIVEN}"]',
        "releases.petservice.canaryVersion": "v2",
    }
    given = [each for pair in config.items() for each in ("--config", "=".join(pair))]
    status, record = ramped(tmp_path, "--service", "petservice", *given)
    assert (status, record.header.services) == (PROMOTED, ("petservice",))
    assert (record.header.stable, record.header.canary) == ("v1", "v2")


def test_an_applications_release_is_ramped_on_its_platform(tmp_path: Path) -> None:
    status, record = ramped(tmp_path, "--stack", "shop")
    assert (status, record.header.services) == (PROMOTED, ("petdetailsservice",))


def test_a_service_without_canary_says_which_key_names_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_petservice = ["--service", "petservice", "--journal", str(tmp_path)]
    assert main(["ramp", "--target", "rehearsal", *of_petservice]) == 1
    assert capsys.readouterr().err == (
        "petmesh: stack local: petservice has no canary: "
        "give --config releases.petservice.canaryVersion=VERSION\n"
    )


def test_another_program_is_rehearsed_by_stand_ins(tmp_path: Path) -> None:
    program = shop(tmp_path)
    of_shop = ["--program", str(program), "--stack", "dev"]
    status, record = ramped(tmp_path / "journals", *of_shop, "--service", "payment")
    assert (status, record.header.canary) == (PROMOTED, "green")


def test_its_failing_version_goes_back(tmp_path: Path) -> None:
    program = shop(tmp_path, **{"payment-green": {"status": 500}})
    of_shop = ["--program", str(program), "--stack", "dev"]
    status, record = ramped(tmp_path / "journals", *of_shop, "--service", "payment")
    assert (status, record.state.phase) == (ROLLED_BACK, Phase.ROLLED_BACK)
    assert record.state.reason.startswith("success ")


def test_two_services_of_it_are_promoted_together(tmp_path: Path) -> None:
    program = shop(tmp_path)
    of_shop = ["--program", str(program), "--stack", "dev"]
    status, record = ramped(tmp_path / "journals", *of_shop, "--group", "payment,cart")
    assert (status, record.header.services) == (PROMOTED, ("payment", "cart"))
    seen = [each.event.observations for each in record.entries if isinstance(each.event, Judged)]
    for service in ("payment", "cart"):
        assert sum(each[service].canary.requests for each in seen) > 0


def test_one_that_fails_takes_the_other_back(tmp_path: Path) -> None:
    program = shop(tmp_path, **{"payment-green": {"status": 500}})
    of_shop = ["--program", str(program), "--stack", "dev"]
    status, record = ramped(tmp_path / "journals", *of_shop, "--group", "payment,cart")
    assert (status, record.state.phase) == (ROLLED_BACK, Phase.ROLLED_BACK)
    assert record.state.reason.startswith("payment: success ")
