"""The releases of services besides the one that `canaryService` names."""

import json
from datetime import UTC, datetime

import pytest

from demo.pets import CATALOG
from settings import Versions, versions_of
from tests.unit.settings.reading import read, refusal

GIVEN = "registry.example.com/pets:v2"
IMAGES = {"images": f'["petservice/v2={GIVEN}"]'}
PETSERVICE = {"canaryVersion": "v2", "canaryWeight": 25}


def config(**services: object) -> dict[str, str]:
    return {**IMAGES, "releases": json.dumps(services)}


def test_without_releases_a_service_has_its_first_version() -> None:
    versions = versions_of(read(), CATALOG.versions, "petservice")
    assert (versions.running, versions.weight) == (("v1",), 0)


def test_a_service_has_a_canary_beside_that_of_another() -> None:
    settings = read(**config(petservice=PETSERVICE), canaryWeight="10")
    versions = versions_of(settings, CATALOG.versions, "petservice")
    assert (versions.running, versions.weight) == (("v1", "v2"), 25)
    assert versions.keys["weight"] == "releases.petservice.canaryWeight"
    details = versions_of(settings, CATALOG.versions, "petdetailsservice")
    assert (details.running, details.weight) == (("v1", "v2"), 10)
    assert details.keys["weight"] == "canaryWeight"


def test_a_number_may_be_a_text_as_pulumi_config_set_writes_it() -> None:
    settings = read(**config(petservice={**PETSERVICE, "canaryWeight": "25"}))
    assert versions_of(settings, CATALOG.versions, "petservice").weight == 25


NOON = "2026-11-27T12:00:00Z"


@pytest.mark.parametrize(
    ("until", "canary", "moment", "runs"),
    [
        ("", "", 12, True),
        ("", "v3", 12, True),
        (NOON, "", 11, True),
        (NOON, "v3", 11, True),
        (NOON, "", 12, False),
    ],
)
def test_a_previous_version_runs_until_its_time_or_the_next_promotion(
    until: str, canary: str, moment: int, *, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = datetime(2026, 11, 27, moment, tzinfo=UTC)
    monkeypatch.setattr("settings.releases.now", lambda: present)
    versions = Versions("v2", canary, 0, 0, "", previous="v1", previous_until=until)
    assert ("v1" in versions.running) == runs


@pytest.mark.parametrize("previous", ["v2", "v3"])
def test_a_previous_version_that_runs_anyway_is_no_further_one(previous: str) -> None:
    assert Versions("v2", "v3", 0, 0, "", previous=previous).running == ("v2", "v3")


def test_a_service_of_releases_keeps_its_previous_version_too() -> None:
    kept = {"stableVersion": "v2", "previousVersion": "v1", "keepPrevious": "24h"}
    versions = versions_of(read(**config(petservice=kept)), CATALOG.versions, "petservice")
    assert (versions.running, versions.keep_previous) == (("v2", "v1"), "24h")
    assert versions.keys["previousUntil"] == "releases.petservice.previousUntil"


@pytest.mark.parametrize(
    ("releases", "told"),
    [
        (
            {"petservice": {"keepPrevious": "long"}},
            "releases.petservice.keepPrevious = long: must be nextRelease, or a time such as 30m",
        ),
        (
            {"petservice": {"previousVersion": "v7"}},
            "releases.petservice.previousVersion = v7: must be one of v1, v2, which",
        ),
        (
            {"petservice": {"previousUntil": NOON}},
            f"releases.petservice.previousUntil = {NOON}: must be empty while releases.petserv",
        ),
        (
            {"petdetailsservice": {"canaryWeight": 5}},
            "releases.petdetailsservice: must be left out while canaryService is petdetailsservice",
        ),
        (
            {"dogservice": {}},
            "releases.dogservice: no such service: must be one of petdetailsservice, ",
        ),
        (
            {"petservice": {"canaryWeight": 101, "canaryVersion": "v2"}},
            "releases.petservice.canaryWeight = 101: must be a whole number from 0 to 100",
        ),
        (
            {"petservice": {"canaryWeight": True}},
            "releases.petservice.canaryWeight = true: must be a whole number from 0 to 100",
        ),
        (
            {"petservice": {"canaryWeight": 2.5}},
            "releases.petservice.canaryWeight = 2.5: must be a whole number from 0 to 100",
        ),
        (
            {"petservice": {"canaryWeight": "1e1"}},
            "releases.petservice.canaryWeight = 1e1: must be a whole number from 0 to 100",
        ),
        (
            {"petservice": {"canaryWieght": 5}},
            "releases.petservice.canaryWieght = 5: no such key; did you mean canaryWeight?",
        ),
        (
            {"petservice": {"canaryVersion": "V2"}},
            "releases.petservice.canaryVersion = V2: must be a version of the service such as v2",
        ),
        (
            {"petservice": {"canaryVersion": "v3"}},
            "releases.petservice.canaryVersion = v3: must be one of v1, v2, which apps/petservice",
        ),
        (
            {"petservice": {"canaryVersion": "v1"}},
            "releases.petservice.canaryVersion = v1: must differ from releases.petservice.stable",
        ),
        (
            {"petservice": {"canaryWeight": 5}},
            "releases.petservice.canaryWeight = 5: must be 0 while releases.petservice.canaryVers",
        ),
        (
            {"petservice": {"canaryMirrorPercent": 5}},
            "releases.petservice.canaryMirrorPercent = 5: must be 0 while releases.petservice.",
        ),
        ({"petservice": 5}, "releases = "),
        ({"pet\nservice": {}}, 'releases."pet\\\\nservice": no such service: must be one of'),
    ],
)
def test_a_release_that_cannot_be_gets_one_line(releases: dict[str, object], told: str) -> None:
    [line] = refusal(**config(**releases))
    assert line.startswith(told.replace("\\\\", "\\"))


@pytest.mark.parametrize("value", ["", "[]", "null", "5", "{", "[" * 100_000])
def test_what_is_no_map_gets_one_line(value: str) -> None:
    [line] = refusal(releases=value)
    assert line.startswith("releases = ")
    assert "must be a map of services to a map of stableVersion" in line


def groups(*services: str) -> dict[str, str]:
    return {"releaseGroups": json.dumps({"checkout": services})}


def test_a_group_lists_services_in_order() -> None:
    settings = read(**groups("petdetailsservice", "petservice"))
    assert settings.release_groups == {"checkout": ("petdetailsservice", "petservice")}


@pytest.mark.parametrize(
    ("services", "told"),
    [
        (["petservice"], " = petservice: must be two or more different services"),
        (["petservice", "petservice"], " = petservice,petservice: must be two or more different"),
        ([], ' = "": must be two or more different services'),
        (["petservice", "dogservice"], " = dogservice: must be one of petdetailsservice, "),
    ],
)
def test_what_can_be_no_group_gets_one_line(services: list[str], told: str) -> None:
    [line] = refusal(**groups(*services))
    assert line.startswith(f"releaseGroups.checkout{told}")
