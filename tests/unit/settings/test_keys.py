"""The keys: what is declared of them, and what is said of one that is none."""

from contextvars import Context
from functools import cache
from typing import Any, cast

import pulumi
import pulumi.runtime
import pytest
import yaml

from demo.pets import CATALOG
from settings import ROOT, ConfigError, Settings, load
from tests.unit.declared import kept_config
from tests.unit.settings.reading import KEYS, UNDECLARED, read, refusal


@cache
def declared_keys() -> dict[str, dict[str, Any]]:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return cast("dict[str, dict[str, Any]]", project["config"])


def test_pulumi_yaml_declares_the_keys_of_settings_and_no_other() -> None:
    assert declared_keys().keys() == KEYS.keys() - UNDECLARED


@pytest.mark.parametrize("key", sorted(KEYS.keys() - UNDECLARED))
def test_each_key_has_the_same_type_in_pulumi_yaml_and_in_settings(key: str) -> None:
    declared = declared_keys()[key]
    types = {str: "string", int: "integer", bool: "boolean", tuple: "array"}
    assert declared["type"] == types[type(getattr(read(), KEYS[key]))]
    if declared["type"] == "array":
        assert declared["items"] == {"type": "string"}


@pytest.mark.parametrize("key", sorted(KEYS.keys() - UNDECLARED))
def test_each_key_is_described_and_has_a_default(key: str) -> None:
    assert len(declared_keys()[key]["description"]) > 20
    assert "default" in declared_keys()[key]
    assert Settings.model_fields[KEYS[key]].description


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("canaryWieght", "canaryWeight"),
        ("canary_weight", "canaryWeight"),
        ("canaryweight", "canaryWeight"),
        ("dogApiEnable", "dogApiEnabled"),
        ("authorisedNetworks", "authorizedNetworks"),
        ("stableVerison", "stableVersion"),
        ("machinetype", "machineType"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_key_that_was_meant(key: str, meant: str) -> None:
    assert refusal(**{key: "25"}) == [f"{key} = 25: no such key; did you mean {meant}?"]


def test_a_key_like_no_other_is_refused_with_the_keys_that_there_are() -> None:
    [line] = refusal(tint="red")
    assert line.startswith("tint = red: no such key")
    assert all(key in line for key in KEYS)


def test_a_key_without_a_value_says_what_it_must_be() -> None:
    def run() -> Settings:
        complete = kept_config("local")
        pulumi.runtime.set_all_config(
            {key: value for key, value in complete.items() if key != "petmesh:namespace"}
        )
        return load(CATALOG.versions)

    with pytest.raises(ConfigError, match=r"^namespace is not set: it must be a namespace's name"):
        Context().run(run)
