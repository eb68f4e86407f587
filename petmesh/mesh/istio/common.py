"""What objects of networking.istio.io share: string matches, ports, percentages, visibility."""

import re
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut
from petmesh.mesh.istio.hosts import is_label

# The library has no types.
_RE2: Any = re2
_QUIET: Any = _RE2.Options()
_QUIET.log_errors = False


def _known_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "~" in scopes and len(scopes) > 1:
        raise ValueError("~ is visible to nobody: it can't stand beside others")
    for each in scopes:
        if each not in (".", "*", "~") and not is_label(each):
            raise ValueError(f"{each}: must be . or * or ~ or a namespace")
    return scopes


def _re2(text: str) -> str:
    """Check a regular expression of RE2, which Istio and Envoy use; Istio takes `*` for any."""
    if text != "*":
        try:
            _RE2.compile(text, _QUIET)
        except _RE2.error as error:
            told: bytes = error.args[0]
            raise ValueError(f"must be a regular expression of RE2: {told.decode()}") from None
    return text


# Namespaces that an object is visible to: `.` is its own, `~` none, `*` or an empty list every one.
ExportTo = Annotated[tuple[str, ...], AfterValidator(_known_scopes)]
Regex = Annotated[str, AfterValidator(_re2)]
PortValue = Annotated[int, Field(strict=True, ge=1, le=65535)]


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


def _gateway_name(value: str) -> str:
    if not re.fullmatch(r"([a-z0-9-]+/)?[a-z0-9.-]+", value):
        raise ValueError("must be a Gateway's name, or namespace/name")
    return value


GatewayName = Annotated[str, AfterValidator(_gateway_name)]


class WorkloadSelector(Fields):
    """A WorkloadSelector by labels."""

    labels: dict[str, str] = Field(default_factory=dict[str, str])


# Settings of what isn't on one machine.
LOCALITY = LeftOut("one machine has one locality")
Locality = Annotated[Any, LOCALITY]
