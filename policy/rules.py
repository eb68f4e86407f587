"""A rule: a check that looks at one resource or at the whole stack, and what it says of trouble.

What isn't known yet is treated alike by every rule: it is no trouble, and it counts as what is
asked for. A rule judges inputs, which a preview knows but for what the update will tell; the update
asks again, with every value known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pulumi_policy import (
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policy.allowed import ALLOWED
from policy.subject import Subject, Trouble
from policy.urls import without_credentials
from policy.values import UNKNOWN, at, shown

ResourceCheck = Callable[[Subject], Iterable[Trouble]]
StackCheck = Callable[[Sequence[Subject]], Iterable[tuple[Subject, Trouble]]]


@dataclass(frozen=True)
class Rule:
    """What no stack may declare.

    Attributes:
        name: Such as `pods-restricted`.
        description: What it holds to, as a sentence.
        standard: What it follows, for an auditor to tick off.
        check: What finds trouble.
        of_stack: Whether the check is for resources together.
    """

    name: str
    description: str
    standard: str
    check: ResourceCheck | StackCheck
    of_stack: bool = False

    def judge(self, subjects: Sequence[Subject]) -> Iterator[tuple[str, str]]:
        """What the rule says of resources, but for what is allowed: a URN and a message each.

        What a patch leaves out is no trouble: the object that it is for may hold it already. A rule
        of the stack doesn't see patches: a part of an object neither keeps nor breaks what it asks
        of the whole.
        """
        for subject, trouble in self._found(subjects):
            if not any(allowed.covers(subject, trouble) for allowed in ALLOWED):
                yield subject.urn, _message(subject, trouble)

    def _found(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
        if self.of_stack:
            check = cast("StackCheck", self.check)
            yield from check([each for each in subjects if not each.is_patch])
            return
        for subject in subjects:
            for trouble in cast("ResourceCheck", self.check)(subject):
                if trouble.value is not None or trouble.whole or not subject.is_patch:
                    yield subject, trouble


def resource_rule(name: str, description: str, standard: str, check: ResourceCheck) -> Rule:
    """A rule for each resource by itself."""
    return Rule(name, description, standard, check)


def stack_rule(name: str, description: str, standard: str, check: StackCheck) -> Rule:
    """A rule for resources together."""
    return Rule(name, description, standard, check, of_stack=True)


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """Rules as the engine asks them in one preview or update.

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


def _message(subject: Subject, trouble: Trouble) -> str:
    return without_credentials(
        f"{subject}: {trouble.field} is {shown(trouble.value)}: {trouble.mend}"
    )


def unless(
    data: Any,  # noqa: ANN401 (data)
    path: str,
    allowed: Iterable[Any],
    mend: str,
    *,
    within: str = "",
) -> Iterable[Trouble]:
    """Trouble unless the value at a path is one of those allowed, or not known yet.

    Args:
        data: What the path is looked up in.
        path: Such as `securityContext.privileged`.
        allowed: The values that are; None among them allows the field to be absent.
        mend: What to do otherwise.
        within: The path of `data` itself, for the message.
    """
    value = at(data, path)
    if value is not UNKNOWN and value not in allowed:
        yield Trouble(f"{within}.{path}" if within else path, value, mend)
