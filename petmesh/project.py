"""The project that the toolkit works on: its folder, and the settings in petmesh.yaml."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = "petmesh.yaml"


class ProjectError(Exception):
    """petmesh.yaml is missing or invalid; the text names the key, its value and what is allowed."""


class Project(BaseModel):
    """The settings in petmesh.yaml: facts that the declared objects don't tell.

    Attributes:
        sources: the folder of the services' sources; a container runs as the Python module of its
            own name.
        path: the path that a load requests from the ingress.
        config: config keys and values that override the stack's in a rehearsed ramp.
        faults: environment variables that make a version fail, by the service that knows them.
        switches: config keys, true or false, that a rehearsal's page offers as switches, and what
            each of them switches.
        commands: the module whose `app`, a Typer, adds commands to `petmesh`; empty for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: str
    path: str = Field(pattern=r"^/")
    config: dict[str, str] = {}
    faults: dict[str, tuple[str, ...]] = {}
    switches: dict[str, str] = {}
    commands: str = ""


@cache
def project() -> Project:
    """Return the project of this checkout.

    Raises:
        ProjectError: petmesh.yaml is missing or invalid.
    """
    return read(ROOT / FILE)


def read(file: Path) -> Project:
    """Read a project's file.

    Raises:
        ProjectError: it can't be read, or a value isn't allowed.
    """
    try:
        held: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Project.model_validate(held)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "it"
        raise ProjectError(f"{FILE}: {key} = {first['input']}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{FILE}: {' '.join(str(error).split())}") from error
