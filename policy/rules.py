"""A rule: a check that looks at one resource or at the whole stack, and what it says of trouble."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pulumi_policy import (
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policy.values import UNKNOWN, at, plain, shown

# A URL's user and password: up to the @, or to where the text was cut.
_USERINFO = re.compile(r"""(?<=://)[^\s/?#"']*(?:@|(?=…))""")
_PATCH = "Patch"


@dataclass(frozen=True)
class Subject:
    """A resource that a rule looks at.

    Attributes:
        type: Its type token, such as `kubernetes:apps/v1:Deployment`.
        urn: Its URN.
        logical_name: Its name in the program.
        given: Inputs where one resource is judged, outputs where a whole stack is, as the engine
            hands them over.
    """

    type: str
    urn: str
    logical_name: str
    given: Any

    @cached_property
    def properties(self) -> Any:  # noqa: ANN401 (data)
        """What is given as plain data; most rules look at the type and need none of it."""
        return plain(self.given)

    @property
    def kind(self) -> str:
        """The last part of the type, `Deployment`; a patch has the kind of what it patches."""
        kind = self.type.rpartition(":")[2]
        return kind.removesuffix(_PATCH) if self.api else kind

    @property
    def is_patch(self) -> bool:
        """Whether it holds a part of a Kubernetes object that somebody else made."""
        return bool(self.api) and self.type.endswith(_PATCH)

    @property
    def api(self) -> str:
        """The API group of a Kubernetes object, such as `apps`, `core` or `networking.istio.io`."""
        if not self.type.startswith("kubernetes:"):
            return ""
        group, slash, _ = self.type.split(":")[1].partition("/")
        return group if slash else "core"

    @property
    def name(self) -> str:
        """Its name in the cluster or cloud, else in the program."""
        for path in ("metadata.name", "name"):
            name = at(self.properties, path)
            if isinstance(name, str):
                return name
        return self.logical_name

    @property
    def namespace(self) -> str:
        """Its namespace; empty for none."""
        namespace = at(self.properties, "metadata.namespace")
        return namespace if isinstance(namespace, str) else ""

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True)
class Trouble:
    """What a rule found.

    Attributes:
        field: The path of the field.
        value: What it holds; None for nothing.
        mend: What to do about it, as an order.
        whole: Whether the field belongs to what a patch replaces as a whole, such as a list of
            rules: what isn't set there isn't set anywhere.
    """

    field: str
    value: Any
    mend: str
    whole: bool = False


ResourceCheck = Callable[[Subject], Iterable[Trouble]]
StackCheck = Callable[[Sequence[Subject]], Iterable[tuple[Subject, Trouble]]]


def resource_rule(name: str, description: str, check: ResourceCheck) -> ResourceValidationPolicy:
    """A rule for each resource by itself, judged by its inputs before it is created or changed.

    What a patch leaves out is no trouble: the object that it is for may hold it already.
    """

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        subject = Subject(args.resource_type, args.urn, args.name, args.props)
        for trouble in check(subject):
            if trouble.value is not None or trouble.whole or not subject.is_patch:
                report(_message(subject, trouble), None)

    return ResourceValidationPolicy(name=name, description=description, validate=validate)


def stack_rule(name: str, description: str, check: StackCheck) -> StackValidationPolicy:
    """A rule for resources together, judged by their outputs once all of them are known.

    It doesn't see patches: a part of an object neither keeps nor breaks what it asks of the whole.
    """

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        subjects = map(_subject, args.resources)
        for subject, trouble in check([each for each in subjects if not each.is_patch]):
            report(_message(subject, trouble), subject.urn)

    return StackValidationPolicy(name=name, description=description, validate=validate)


def _subject(resource: PolicyResource) -> Subject:
    return Subject(resource.resource_type, resource.urn, resource.name, resource.props)


def _message(subject: Subject, trouble: Trouble) -> str:
    return without_userinfo(f"{subject}: {trouble.field} is {shown(trouble.value)}: {trouble.mend}")


def without_userinfo(text: str) -> str:
    """A text whose URLs tell neither user nor password."""
    return _USERINFO.sub("[secret]@", text)


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
