"""rehearsal.yaml: how the workloads of a mesh run on this machine."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petmesh.mesh.fields import Seconds, told
from petmesh.mesh.mesh import Workload
from petmesh.program import go_yaml

Body = str | int | float | bool | list[Any] | dict[str, Any] | None


class SettingsError(Exception):
    """A file beside the input is invalid; a line for each key, with its value and what may be."""


class Strict(BaseModel):
    """The base of what a person writes for a rehearsal: an unknown key is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Strict)


class WorkloadSettings(Strict):
    """How a workload's pods run: a command, or a stand-in that answers.

    Attributes:
        command: what starts a pod's process; `{port}` is the port that it listens on. Without one
            a stand-in answers.
        folder: the command's working folder, relative to the file.
        environment: variables besides the declared ones.
        port: the variable that tells the process its port.
        status: of a stand-in's answers.
        delay: of a stand-in's answers, such as `250ms`.
        body: of a stand-in's answers; without one it is JSON with workload, version, pod, method,
            path and the headers seen.
        calls: URLs that a stand-in asks, by way of its sidecar, before it answers; it includes
            their answers.
    """

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    folder: str | None = None
    environment: dict[str, str] = {}
    port: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "PORT"
    status: Annotated[int, Field(ge=200, le=599)] = 200
    delay: Seconds = 0.0
    body: Body = None
    calls: tuple[Annotated[str, Field(pattern=r"^http://")], ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> "WorkloadSettings":
        answers = {"status", "delay", "body", "calls"} & self.model_fields_set
        if self.command and answers:
            raise ValueError(f"{min(answers)} is a stand-in's: not with a command")
        runs = {"folder", "port"} & self.model_fields_set
        if not self.command and runs:
            raise ValueError(f"{min(runs)} needs a command")
        return self


class RehearsalSettings(Strict):
    """The content of rehearsal.yaml.

    Attributes:
        workloads: by the name of a Deployment or `namespace/name`, in which `*` stands for any
            text; the first that fits holds.
        folder: the file's folder.
    """

    workloads: dict[str, WorkloadSettings] = {}
    folder: Annotated[Path, Field(exclude=True)] = Path()

    def of(self, workload: Workload) -> WorkloadSettings:
        """Return a workload's settings; the defaults if no entry fits."""
        for pattern, settings in self.workloads.items():
            if _fits(pattern, workload):
                return settings
        return _DEFAULT

    def unused(self, workloads: tuple[Workload, ...]) -> tuple[str, ...]:
        """Return the entries that fit no workload."""
        return tuple(
            pattern
            for pattern in self.workloads
            if not any(_fits(pattern, workload) for workload in workloads)
        )


_DEFAULT: Final = WorkloadSettings()


def read_settings(file: Path) -> RehearsalSettings:
    """Return the settings in a file such as rehearsal.yaml; its folder is that of its commands.

    Raises:
        SettingsError: it can't be read, or a value isn't allowed.
    """
    held = read_yaml(file)
    if not isinstance(held, dict) or "folder" in held:
        raise SettingsError(f"{file}: must have the key workloads alone")
    settings = validated(RehearsalSettings, cast("dict[str, Any]", held), str(file))
    return settings.model_copy(update={"folder": file.parent})


def read_yaml(file: Path) -> object:
    """Return a YAML file's content; an empty file has no keys.

    Raises:
        SettingsError: it can't be read, or isn't YAML.
    """
    try:
        return go_yaml.load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"{file}: {go_yaml.in_one_line(error)}") from error


def validated(model: type[T], held: object, file: str) -> T:
    """Return a model of a file's content.

    Raises:
        SettingsError: a key is unknown or a value isn't allowed; one line each.
    """
    try:
        return model.model_validate(held)
    except ValidationError as error:
        raise SettingsError("\n".join(told(error, file, "unknown key"))) from None


def _fits(pattern: str, workload: Workload) -> bool:
    name = workload.name if "/" not in pattern else f"{workload.namespace}/{workload.name}"
    return fnmatchcase(name, pattern)
