"""Reading config in tests, and the declared keys."""

from contextvars import Context

import pulumi
import pulumi.runtime
import pytest

from demo.pets import CATALOG
from settings import ConfigError, Settings, load
from tests.unit.declared import kept_config


def read(stack: str = "local", **config: str) -> Settings:
    """The settings that the program reads, with some keys set."""
    keys = {key if ":" in key else f"petmesh:{key}": value for key, value in config.items()}

    def run() -> Settings:
        pulumi.runtime.set_all_config({**kept_config(stack), **keys})
        return load(CATALOG.versions)

    return Context().run(run)


def refusal(stack: str = "local", **config: str) -> list[str]:
    """The lines that refuse some config."""
    with pytest.raises(ConfigError) as refused:
        read(stack, **config)
    return str(refused.value).splitlines()


GOOGLE_PROJECT = "gcp:project"
# Structured config has no type that Pulumi.yaml could declare.
UNDECLARED = {"applications", "releases", "releaseGroups"}
KEYS = {
    str(field.alias): name
    for name, field in Settings.model_fields.items()
    if field.alias != GOOGLE_PROJECT
}
