"""The services: each folder here with a `service.yaml`, its entry."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pydantic import BaseModel, ValidationError

from apps.entry import OWN_VARIABLES, SAFE_METHODS, SERVICE_NAME, TAKEN_NAMES, Entry, OutsideUse
from petmesh.program import go_yaml
from petmesh.program.urls import HIDDEN
from settings.messages import no_such_key, readable

FOLDER = Path(__file__).parent
FILE = "service.yaml"


class CatalogError(pulumi.RunError):
    """Entries that can't be used; the text has one line for each problem. Nothing was declared."""


@dataclass(frozen=True)
class Service:
    """A service: its entry, its name, and the versions that this checkout builds.

    Attributes:
        name: Its name in Kubernetes, and its folder here.
        entry: Its `service.yaml`.
        versions: The versions that this checkout builds, in order.
    """

    name: str
    entry: Entry
    versions: tuple[str, ...]

    @property
    def port(self) -> int:
        """The TCP port that it serves HTTP on."""
        return self.entry.port

    @property
    def is_safe(self) -> bool:
        """Whether any request that its callers may send can be retried."""
        return SAFE_METHODS.issuperset(self.entry.methods)


@dataclass(frozen=True)
class Catalog:
    """All services, by name."""

    services: Mapping[str, Service]

    def __iter__(self) -> Iterator[Service]:
        return iter(self.services.values())

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    @cached_property
    def public(self) -> tuple[Service, ...]:
        """The services that the ingress routes to."""
        return tuple(each for each in self if each.entry.public)

    @cached_property
    def versions(self) -> Mapping[str, tuple[str, ...]]:
        """For each service the versions that this checkout builds."""
        return {each.name: each.versions for each in self}

    @cached_property
    def without_release(self) -> Mapping[str, str]:
        """The services that can have no canary, and why."""
        return {
            each.name: f"nobody calls {each.name}, so that no route has its weight"
            for each in self
            if not each.entry.public and not self.callers(each)
        }

    def called(self, service: Service) -> tuple[Service, ...]:
        """The services that one calls."""
        return tuple(self[name] for name in dict.fromkeys(service.entry.calls.values()))

    def callers(self, service: Service) -> tuple[Service, ...]:
        """The services that call one."""
        return self._callers.get(service.name, ())

    @cached_property
    def _callers(self) -> Mapping[str, tuple[Service, ...]]:
        callers: defaultdict[str, tuple[Service, ...]] = defaultdict(tuple)
        for each in self:
            for called in self.called(each):
                callers[called.name] += (each,)
        return callers

    @cached_property
    def callees_first(self) -> tuple[Service, ...]:
        """Every service after those that it calls, unless they call it too."""
        ordered: dict[str, Service] = {}
        seen: set[str] = set()

        def visit(service: Service) -> None:
            if service.name not in seen:
                seen.add(service.name)
                for called in self.called(service):
                    visit(called)
                ordered[service.name] = service

        for each in self:
            visit(each)
        return tuple(ordered.values())

    def calling_outside(self, name: str) -> tuple[Service, ...]:
        """The services that call an outside host, by its name in the stack's config."""
        return tuple(each for each in self if name in each.entry.outside)


def version_file(service: str, version: str) -> Path:
    """The file with the data of a service's version."""
    return FOLDER / service / "versions" / f"{version}.json"


def read_catalog() -> Catalog:
    """Read every entry.

    Raises:
        CatalogError: An entry has an unknown key, or a value that isn't allowed or contradicts
            another entry.
    """
    problems: list[str] = []
    services: dict[str, Service] = {}
    for file in sorted(FOLDER.glob(f"*/{FILE}")):
        name = file.parent.name
        try:
            entry = Entry.model_validate(_load(file))
        except ValidationError as error:
            problems += (f"{_shown(file)}: {line}" for line in _lines(error))
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            problems.append(f"{_shown(file)}: {readable(' '.join(str(error).split()))}")
        else:
            versions = _versions(name) or entry.versions or ("v1",)
            services[name] = Service(name, entry, versions)
    if not problems:
        problems = [
            f"{_shown(FOLDER / service.name / FILE)}: {line}"
            for service in services.values()
            for line in _contradictions(service, services)
        ]
    if not problems and not any(each.entry.public for each in services.values()):
        problems = [f"{FOLDER.name}/*/{FILE}: public: must be set for one service at least"]
    if problems:
        raise CatalogError("\n".join(dict.fromkeys(problems)))
    return Catalog(services)


def _load(file: Path) -> object:
    loaded: object = go_yaml.load(file.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise ValueError(f"must be a map with the keys {', '.join(Entry.model_fields)}")  # noqa: TRY004 (a value's fault)
    return cast("object", loaded)


def _shown(file: Path) -> str:
    return readable(str(file.relative_to(FOLDER.parent)))


def _versions(service: str) -> tuple[str, ...]:
    """The versions that a service has a file of; a hidden file is somebody's scratch."""
    files = (FOLDER / service / "versions").glob("*.json")
    return tuple(sorted(file.stem for file in files if file.is_file() and file.name[0] != "."))


def _lines(error: ValidationError) -> Iterator[str]:
    """One line for each problem of an entry by itself."""
    for problem in error.errors():
        location = [str(part) for part in problem["loc"] if part != "[key]"]
        hidden = location[0] == "environment"
        key, value = ".".join(location), HIDDEN if hidden else readable(_text(problem["input"]))
        model, field = _field(location)
        if problem["type"] == "extra_forbidden":
            yield f"{key} = {value}: {no_such_key(location[-1], model.model_fields)}"
        elif problem["type"] == "missing":
            yield f"{key} is not set: it must be {field}"
        else:
            yield f"{key} = {value}: must be {field}"


def _text(value: Any) -> str:  # noqa: ANN401 (data)
    if isinstance(value, float):
        return str(value)
    return value if isinstance(value, str) else go_yaml.as_text(value)


def _field(location: list[str]) -> tuple[type[BaseModel], str]:
    """The model that a location's last key belongs to, and what the key's value must be."""
    model: type[BaseModel] = Entry
    described = ""
    for part in location:
        field = model.model_fields.get(part)
        if field is None:
            continue
        described = field.description or ""
        inner = field.annotation
        if part == "outside":
            inner = OutsideUse
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return model, described


def _contradictions(service: Service, services: Mapping[str, Service]) -> Iterator[str]:
    """One line for each problem of an entry with the rest of the checkout."""
    yield from _folder_problems(service)
    others = [each for each in services if each != service.name]
    for variable, called in service.entry.calls.items():
        if called not in others:
            yield f"calls.{variable} = {readable(called)}: must be one of {', '.join(others)}"
    yield from _variable_problems(service.entry)
    for name in others:
        prefix, public = services[name].entry.public, service.entry.public
        if prefix and public.startswith(prefix):
            yield f"public = {public}: must not be under {prefix}, which is {name}'s"
    requests, limits = service.entry.resources.requests, service.entry.resources.limits
    for kind in ("cpu", "memory"):
        least, most = str(getattr(requests, kind)), str(getattr(limits, kind))
        if _amount(least) > _amount(most):
            yield f"resources.requests.{kind} = {least}: must be at most its limit, {most}"


def _folder_problems(service: Service) -> Iterator[str]:
    name = service.name
    if not re.fullmatch(SERVICE_NAME, name, re.ASCII) or name in TAKEN_NAMES:
        yield (
            f"{readable(name)}: the folder must have 1 to 42 of a-z, 0-9 and - for a name, a "
            f"letter first and no - last, not {', '.join(TAKEN_NAMES)}"
        )
    if not (FOLDER / name / "Dockerfile").is_file():
        yield f"{FOLDER.name}/{name}/Dockerfile: must exist: it builds the service's image"
    if service.entry.versions and _versions(name):
        given = ", ".join(service.entry.versions)
        yield f"versions = {given}: must be left out beside {FOLDER.name}/{name}/versions/*.json"


def _variable_problems(entry: Entry) -> Iterator[str]:
    by_outside = (each for use in entry.outside.values() for each in (use.url, use.proxy))
    times = Counter([*OWN_VARIABLES, *entry.calls, *entry.environment, *by_outside])
    for variable, count in times.items():
        if count > 1:
            why = "the stack sets it itself" if variable in OWN_VARIABLES else "it is set twice"
            yield f"{variable}: must be another variable: {why}"


def _amount(quantity: str) -> float:
    units = {"m": 0.001, "Mi": 2**20, "Gi": 2**30}
    number = quantity.rstrip("mMGi")
    return float(number) * units.get(quantity[len(number) :], 1)
