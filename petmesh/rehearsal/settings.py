"""rehearsal.yaml: how the workloads of a mesh run on this machine."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petmesh.host.files import read_text
from petmesh.host.pki import is_pair
from petmesh.mesh.fields import Seconds, told
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.program import go_yaml

Body = str | int | float | bool | list[Any] | dict[str, Any] | None


class SettingsError(Exception):
    """A file beside the input is invalid; a line for each key, with its value and what may be."""


class Strict(BaseModel):
    """The base of what a person writes for a rehearsal: an unknown key is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Strict)


SYSTEM: Final = "System"
SELF_SIGNED: Final = "SelfSigned"


class TlsSettings(Strict):
    """The TLS that a workload's process speaks, and its certificate.

    Attributes:
        names: the certificate's: DNS names, or URIs such as `spiffe://…`; by default those of the
            Services that select the workload.
        issuer: who signs it: `System`, whom proxies trust where nothing else is said; the authority
            in the place of a ConfigMap's, by its name or `namespace/name`; or `SelfSigned`, whom
            nobody trusts.
        certificate, key: files in PEM form in the place of names and issuer, relative to the file.
        ports: the container's ports that speak TLS; by default all.
    """

    names: tuple[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9*][A-Za-z0-9.*_:/~-]*$", max_length=253)], ...
    ] = ()
    issuer: Annotated[str, Field(min_length=1)] = SYSTEM
    certificate: str | None = None
    key: str | None = None
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> "TlsSettings":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key must be there together")
        made = {"names", "issuer"} & self.model_fields_set
        if self.certificate and made:
            raise ValueError(f"{min(made)} is of a certificate that is made: not with files")
        return self

    def config_map(self, namespace: str) -> str | None:
        """Return the issuer's ConfigMap as `namespace/name`; None if it is another's."""
        if self.certificate or self.issuer in (SYSTEM, SELF_SIGNED):
            return None
        return self.issuer if "/" in self.issuer else f"{namespace}/{self.issuer}"


class WorkloadSettings(Strict):
    """How a workload's pods run: a command, or a stand-in that answers.

    Attributes:
        command: what starts a pod's process; `{port}` is the port that it listens on, `{tlsPort}`
            the one for TLS, `{certificate}` and `{key}` are files. Without one a stand-in answers.
        folder: the command's working folder, relative to the file.
        environment: variables besides the declared ones.
        port: the variable that tells the process its port.
        status: of a stand-in's answers.
        delay: of a stand-in's answers, such as `250ms`.
        body: of a stand-in's answers; without one it is JSON with workload, version, pod, method,
            path and the headers seen.
        calls: URLs that a stand-in asks, by way of its sidecar, before it answers; it includes
            their answers.
        tls: of the process; without it, it speaks in the clear.
    """

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    folder: str | None = None
    environment: dict[str, str] = {}
    port: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "PORT"
    status: Annotated[int, Field(ge=200, le=599)] = 200
    delay: Seconds = 0.0
    body: Body = None
    calls: tuple[Annotated[str, Field(pattern=r"^http://")], ...] = ()
    tls: TlsSettings | None = None

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

    def problems(self, mesh: Mesh) -> Iterator[str]:
        """Yield a line for each entry that doesn't fit a mesh, and each file that isn't there."""
        known = ", ".join(sorted(each.name for each in mesh.workloads)) or "none"
        for pattern, entry in self.workloads.items():
            where = f"rehearsal.yaml: workloads.{pattern}"
            fitting = [each for each in mesh.workloads if _fits(pattern, each)]
            if not fitting:
                yield f"{where}: must be one of {known}"
            if entry.tls:
                yield from (
                    f"{where}.tls.{line}" for line in self._wrong_tls(entry.tls, mesh, fitting)
                )

    def _wrong_tls(
        self, tls: TlsSettings, mesh: Mesh, workloads: Sequence[Workload]
    ) -> Iterator[str]:
        if tls.certificate and tls.key:
            files = {"certificate": tls.certificate, "key": tls.key}
            gone = [key for key, name in files.items() if not (self.folder / name).is_file()]
            yield from (f"{key} = {files[key]}: there is no such file" for key in gone)
            if not gone and not is_pair(self.folder / tls.certificate, self.folder / tls.key):
                yield f"key = {tls.key}: must be the key of certificate, both in PEM form"
        names = {tls.config_map(each.namespace) for each in workloads} - {None}
        if not names <= set(mesh.authorities):
            known = ", ".join((SYSTEM, SELF_SIGNED, *sorted(mesh.authorities)))
            yield f"issuer = {tls.issuer}: must be one of {known}"


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
        return go_yaml.load(read_text(file)) or {}
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
