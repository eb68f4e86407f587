"""What objects of networking.istio.io share: string matches, ports, percentages, visibility."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut

# RE2, which Istio and Envoy use, has none of these: lookaround, and references to groups.
_NOT_RE2 = re.compile(r"\(\?(=|!|<=|<!)|\\[1-9]")


def _known_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "~" in scopes and len(scopes) > 1:
        raise ValueError("~ is visible to nobody: it can't stand beside others")
    return scopes


def _re2(text: str) -> str:
    """Check a regular expression, as far as Python's syntax is RE2's; Envoy checks the rest."""
    if text != "*":
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from None
        if _NOT_RE2.search(text):
            raise ValueError("must be a regular expression of RE2: without lookaround and \\1")
    return text


# Namespaces that an object is visible to: `.` is its own, `~` none, `*` or an empty list every one.
ExportTo = Annotated[tuple[str, ...], AfterValidator(_known_scopes)]
Regex = Annotated[str, AfterValidator(_re2)]
PortValue = Annotated[int, Field(ge=1, le=65535)]


class StringMatch(Fields):
    """A StringMatch: exact, by prefix or by regular expression; without one it is present."""

    exact: str | None = None
    prefix: Annotated[str, Field(min_length=1)] | None = None
    regex: Regex | None = None

    @model_validator(mode="after")
    def _one(self) -> "StringMatch":
        if len(self.model_fields_set) > 1:
            raise ValueError("must have exactly one of exact, prefix and regex")
        return self

    @property
    def is_presence(self) -> bool:
        """Whether any value matches."""
        return not self.model_fields_set or self.regex == "*"


class PathPrefix(StringMatch):
    """A prefix of a path's whole segments, as the Gateway API has it."""


class PortNumber(Fields):
    """A PortSelector: a port by number."""

    number: PortValue


class Percent(Fields):
    """A Percent, from 0 to 100."""

    value: Annotated[float, Field(ge=0, le=100)] = 0.0


class WorkloadSelector(Fields):
    """A WorkloadSelector by labels."""

    labels: dict[str, str] = Field(default_factory=dict[str, str])


# Settings of what isn't on one machine.
LOCALITY = LeftOut("one machine has one locality")
Locality = Annotated[Any, LOCALITY]
