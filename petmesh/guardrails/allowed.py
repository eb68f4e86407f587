"""What a stack may have though a rule refuses it: the entries of tables/allowed.yaml."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from petmesh.guardrails.subject import Subject, Violation


@dataclass(frozen=True)
class Allowed:
    """Something that is allowed for a stated reason.

    Attributes:
        resource: As a message names it, such as `DaemonSet monitoring/node-exporter`; `*` stands
            for anything, in the field too.
        field: The path, such as `spec.template.spec.hostNetwork`; `type` for a kind that no rule
            judges.
        reason: Why it is no harm.
        value: What the field holds; empty for nothing.

    Raises:
        ValueError: The reason is empty.
    """

    resource: str
    field: str
    reason: str
    value: str = "*"

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.resource}, {self.field}: state the reason")

    def covers(self, subject: Subject, violation: Violation) -> bool:
        """Whether a resource's violation is what this allows."""
        value = "" if violation.value is None else str(violation.value)
        return (
            _like(self.resource, str(subject))
            and _like(self.field, violation.field)
            and _like(self.value, value)
        )


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


_FILE: Final = Path(__file__).with_name("tables") / "allowed.yaml"
_LISTED: Final[dict[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
ALLOWED: Final = tuple(Allowed(**entry) for entry in _LISTED["violations"])
ENVOY_FILTERS: Final[dict[str, str]] = _LISTED["envoyFilters"]
