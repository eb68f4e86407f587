"""A rule: what it checks of each kind of resource or of the whole stack, and its violations.

What isn't known yet is treated alike by every rule: it is no violation, and it counts as what is
asked for. A rule judges inputs, which a preview knows but for what the update will tell; the update
asks again, with every value known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi_policy import (
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from petmesh.guardrails.allowed import ALLOWED
from petmesh.guardrails.manifests import with_manifests
from petmesh.guardrails.shape import Judge, shape
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import shown
from petmesh.program.urls import without_credentials

ResourceCheck = Callable[[Subject], Iterable[Violation]]
StackCheck = Callable[[Sequence[Subject]], Iterable[tuple[Subject, Violation]]]
TABLES: Final = Path(__file__).with_name("tables")
# A kind isn't known because a rule looks at everything.
_EVERYTHING: Final = ("*", "gcp:*", "gcp:compute/*")
_JUDGED: Final[set[str]] = set()
# What the modules of the pack find beyond what tables tell: the rule and the kind of each.
_CHECKS: Final[list[tuple[str, str, ResourceCheck]]] = []
_OF_STACK: Final[dict[str, StackCheck]] = {}


def check(rule: str, *kinds: str) -> Callable[[ResourceCheck], ResourceCheck]:
    """Register a check of a rule for kinds such as `apps/Deployment` or `gcp:*`; all by default."""

    def registered(function: ResourceCheck) -> ResourceCheck:
        _CHECKS.extend((rule, kind, function) for kind in kinds or ("*",))
        _JUDGED.update(kinds)
        return function

    return registered


def check_stack(rule: str) -> Callable[[StackCheck], StackCheck]:
    """Register the check of a rule that needs all resources of the stack."""

    def registered(function: StackCheck) -> StackCheck:
        _OF_STACK[rule] = function
        return function

    return registered


@dataclass(frozen=True)
class Rule:
    """A guard-rail: one policy of the pack.

    Attributes:
        name: Such as `pods-restricted`.
        description: What it holds to, as a sentence.
        standard: What it follows, for an auditor to tick off.
        checks: What finds violations of a resource, with the kind that it is for.
        stack: What finds violations of resources together; such a rule has no other checks.
    """

    name: str
    description: str
    standard: str
    checks: Sequence[tuple[str, ResourceCheck]]
    stack: StackCheck | None = None

    @property
    def of_stack(self) -> bool:
        """Whether it is for resources together."""
        return self.stack is not None

    def judge(self, subjects: Sequence[Subject]) -> Iterator[tuple[str, str]]:
        """What the rule says of resources, but for what is allowed: a URN and a message each.

        What a patch leaves out is no violation: the object that it is for may hold it already. A
        rule of the stack doesn't see patches: a part of an object neither keeps nor breaks what it
        asks of the whole.
        """
        for subject, violation in self._found([*with_manifests(subjects)]):
            if not any(allowed.covers(subject, violation) for allowed in ALLOWED):
                found = f"{subject}: {violation.field} is {shown(violation.value)}"
                yield subject.urn, without_credentials(f"{found}: {violation.fix}")

    def _found(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
        if self.stack is not None:
            yield from self.stack([each for each in subjects if not each.is_patch])
            return
        for subject in subjects:
            found = (
                function(subject)
                for kind, function in self.checks
                if kind in _PARTS or _is(subject.of, subject.type, kind)
            )
            for violation in chain.from_iterable(found):
                if violation.value is not None or violation.whole or not subject.is_patch:
                    yield subject, violation


@cache
def _is(of: str, type_: str, kind: str) -> bool:
    return fnmatchcase(of, kind) or type_ == kind


# A part of whatever has one, in a place of a kind's table.
_PARTS: Final[Mapping[str, Callable[[Subject], tuple[str, Any] | None]]] = {
    "pod": lambda subject: subject.pod,
    "template": lambda subject: subject.template,
    "object": lambda subject: ("", subject.properties) if subject.api else None,
}


def _judged(kind: str, judge: Judge, subject: Subject) -> Iterable[Violation]:
    part = _PARTS[kind](subject) if kind in _PARTS else ("", subject.properties)
    return judge(*part) if part else ()


def is_judged(subject: Subject) -> bool:
    """Whether a rule has checks for the kind of a resource."""
    known = _JUDGED.difference(_EVERYTHING, _PARTS)
    return any(_is(subject.of, subject.type, kind) for kind in known)


def read(file: str) -> dict[str, Any]:
    """The content of a file in `tables/`."""
    return yaml.safe_load((TABLES / file).read_text(encoding="utf-8"))


def rules(file: str) -> Iterator[Rule]:
    """The rules of a file in `tables/`, with the checks that the modules of the pack registered."""
    for name, told in read(file).items():
        if not name.startswith("$"):
            checks = [(kind, function) for rule, kind, function in _CHECKS if rule == name]
            for kinds, table in told.get("tables", {}).items():
                judge = shape(table)
                checks += [(kind, partial(_judged, kind, judge)) for kind in kinds.split(", ")]
                _JUDGED.update(kinds.split(", "))
            yield Rule(name, told["holds"], told["standard"], checks, _OF_STACK.get(name))


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """Rules as policies of the SDK, for one preview or update.

    The engine gives a rule of the stack outputs alone, and in a preview those of a provider that
    isn't configured yet are empty. So what each resource was judged by is kept for them; what the
    program only reads was judged by nothing, and its outputs tell.

    Source:
        AnalyzeResources in
        https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/step_generator.go
    """
    seen: dict[str, Subject] = {}
    return [(_of_stack if rule.of_stack else _of_resource)(rule, seen) for rule in rules]


def _of_resource(rule: Rule, seen: dict[str, Subject]) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        subject = Subject(args.resource_type, args.urn, args.name, args.props or None)
        seen[subject.urn] = subject
        for _, message in rule.judge([subject]):
            report(message, None)

    return ResourceValidationPolicy(rule.name, rule.description, validate)


def _of_stack(rule: Rule, seen: dict[str, Subject]) -> StackValidationPolicy:
    def subject_of(resource: PolicyResource) -> Subject:
        read = Subject(resource.resource_type, resource.urn, resource.name, resource.props or None)
        return seen.get(resource.urn, read)

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for urn, message in rule.judge([*map(subject_of, args.resources)]):
            report(message, urn)

    return StackValidationPolicy(rule.name, rule.description, validate)
