"""The releases of services besides the one that `canaryService` names."""

import json

import pytest

from demo.pets import CATALOG
from settings import versions_of
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


@pytest.mark.parametrize(
    ("releases", "told"),
    [
        (
            {"petdetailsservice": {"canaryWeight": 5}},
            "releases.petdetailsservice: must be left out while canaryService is petdetailsservice",
        ),
        ({"dogservice": {}}, "releases.dogservice: must be one of petdetailsservice, "),
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
        ({"pet\nservice": {}}, 'releases."pet\\\\nservice": must be one of'),
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
