"""The test cases in a file of istio-config-validator."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, ClassVar, Final

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from petmesh.expectations.model import HeaderName, HeaderText
from petmesh.manifests.documents import TEST_CASES
from petmesh.mesh.fields import not_empty, told
from petmesh.mesh.istio.replies import HttpRedirect
from petmesh.mesh.istio.virtual_service import (
    Delegate,
    Headers,
    HttpFault,
    HttpRewrite,
    HttpRouteDestination,
)
from petmesh.program import go_yaml
from petmesh.rehearsal.settings import SettingsError, Strict

# Fields of a route that a case may name, in the order in which they are compared.
COMPARED: Final = ("route", "redirect", "rewrite", "fault", "headers", "delegate")
_SUFFIXES: Final = (".yaml", ".yml", ".json")


class _Strict(Strict):
    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class CaseRequest(_Strict):
    """The requests of a case: one for each combination."""

    authority: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], not_empty()]
    method: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z]+$")], ...], not_empty()]
    uri: Annotated[tuple[Annotated[str, Field(pattern=r"^/")], ...], not_empty()]
    headers: dict[HeaderName, HeaderText] = Field(default_factory=dict[str, str])

    def unfolded(self) -> Iterator[tuple[str, str, str]]:
        """Yield host, method and path of each request."""
        return product(self.authority, self.method, self.uri)


class Case(_Strict):
    """A test case: the route of each request has these fields, or, unless `want_match`, others."""

    description: str = ""
    want_match: bool = False
    request: CaseRequest
    route: tuple[HttpRouteDestination, ...] | None = None
    redirect: HttpRedirect | None = None
    rewrite: HttpRewrite | None = None
    fault: HttpFault | None = None
    headers: Headers | None = None
    delegate: Delegate | None = None

    @model_validator(mode="after")
    def _compares(self) -> "Case":
        if not self.compared:
            raise ValueError(f"must have one of {', '.join(COMPARED)}")
        return self

    @property
    def compared(self) -> tuple[str, ...]:
        """The fields of a route that it names."""
        return tuple(name for name in COMPARED if getattr(self, name) is not None)


class _Document(_Strict):
    test_cases: Annotated[tuple[Case, ...], not_empty()]


def read_cases(paths: Sequence[Path]) -> tuple[Case, ...]:
    """Read the cases in files, and in the files of folders.

    Raises:
        SettingsError: a file can't be read, or a value isn't allowed; one line each.
    """
    return tuple(case for path in paths for file in _files(path) for case in _cases(file))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
    if not found:
        raise SettingsError(f"{path}: has no file of test cases")
    return found


def _cases(file: Path) -> Iterator[Case]:
    if not file.is_file():
        raise SettingsError(f"{file}: there is no such file")
    try:
        documents = list(go_yaml.load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"{file}: {go_yaml.in_one_line(error)}") from error
    held = [each for each in documents if each is not None]
    if not held:
        raise SettingsError(f"{file}: has no {TEST_CASES}")
    for document in held:
        try:
            yield from _Document.model_validate(document).test_cases
        except ValidationError as error:
            raise SettingsError("\n".join(told(error, str(file), "unknown key"))) from None
