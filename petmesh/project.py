"""The project that the toolkit works on: its folder, and what petmesh.yaml says of it."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = "petmesh.yaml"


class ProjectError(Exception):
    """petmesh.yaml can't be used; the text names the key, its value and what is allowed."""


class Project(BaseModel):
    """What can't be read off the declared objects.

    Attributes:
        sources: the folder of the services' sources; a container runs as the Python module of its
            own name.
        service: whose versions share the requests; a version's workload is SERVICE-VERSION.
        path: what a load asks of the ingress.
        config: keys and values of a rehearsed ramp that win over the stack's.
        faults: environment variables by which a version of the service fails.
        commands: the module whose `app`, a Typer, adds commands to `petmesh`; empty for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: str
    service: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    path: str = Field(pattern=r"^/")
    config: dict[str, str] = {}
    faults: tuple[str, ...] = ()
    commands: str = ""

    def workload(self, version: str) -> str:
        """The name of a version's workload."""
        return f"{self.service}-{version}"


@cache
def project() -> Project:
    """The project of this checkout.

    Raises:
        ProjectError: petmesh.yaml is missing or can't be used.
    """
    return read(ROOT / FILE)


def read(file: Path) -> Project:
    """A project's file.

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
