"""Strict reading of an object's fields.

A model lists every field that the rehearsal knows. A field that it uses has a plain type; one that
it deliberately leaves out is marked `LeftOut` with the reason. Any other field is refused by name.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.alias_generators import to_camel


class RefusedError(Exception):
    """A declared object has a field, value or kind that the rehearsal doesn't know; a line each."""


@dataclass(frozen=True)
class LeftOut:
    """Marks a known field that is deliberately not rehearsed."""

    reason: str


@dataclass(frozen=True, order=True)
class Omission:
    """A declared field or kind that the rehearsal leaves out, the reason, and the objects."""

    what: str
    reason: str
    objects: tuple[str, ...] = ()


class Fields(BaseModel):
    """The base of every model: a field that it doesn't list is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True
    )

    @classmethod
    def read(cls, data: object, what: str) -> Self:
        """Create the model from plain data.

        Args:
            data: the object's fields.
            what: the object's name in an error, such as `VirtualService pets/ingress`.

        Raises:
            RefusedError: a field is unknown or holds a value that the rehearsal can't translate.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RefusedError("\n".join(told(error, what))) from None

    @classmethod
    def read_known(cls, data: Mapping[str, Any], what: str) -> tuple[Self, tuple[str, ...]]:
        """Create the model from the fields that it knows, and return the paths of the others.

        Raises:
            RefusedError: a known field holds a value that the rehearsal can't translate.
        """
        known, dropped = copy.deepcopy(dict(data)), list[str]()
        while True:
            try:
                return cls.model_validate(known), tuple(dropped)
            except ValidationError as error:
                problems = error.errors()
                unknown = [each for each in problems if each["type"] == "extra_forbidden"]
                if len(unknown) < len(problems):
                    raise RefusedError("\n".join(told(error, what))) from None
                for each in unknown:
                    *parents, last = [part for part in each["loc"] if not _is_tag(part)]
                    holder: Any = known
                    for part in parents:
                        holder = holder[part]
                    del holder[last]
                    dropped.append(_path(each["loc"]))

    def omissions(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Yield each set field that is left out: its path without list indices, and the reason."""
        for name in sorted(self.model_fields_set):
            field = type(self).model_fields[name]
            path = f"{prefix}.{field.alias or name}" if prefix else (field.alias or name)
            reasons = [mark.reason for mark in field.metadata if isinstance(mark, LeftOut)]
            if reasons:
                yield path, reasons[0]
            else:
                yield from _inner_omissions(getattr(self, name), path)


def _inner_omissions(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Fields):
        yield from value.omissions(path)
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _inner_omissions(item, f"{path}[]")


def told(
    error: ValidationError, what: str, unknown: str = "not known to the rehearsal"
) -> Iterator[str]:
    """Yield a line for each problem: the field, its value, and what is allowed.

    Args:
        error: pydantic's.
        what: the object or file.
        unknown: what is said of a field that the model doesn't have.
    """
    for problem in error.errors():
        path = _path(problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{what}: {path}: {unknown}"
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            given = problem["input"]
            where = f"{what}: {path}" if path else what
            shown = given if str(given).isprintable() else repr(given)
            value = f" = {shown}" if isinstance(given, str | int | float | bool) else ""
            yield f"{where}{value}: {_uncapitalized(reason)}"


def _uncapitalized(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _is_tag(part: int | str) -> bool:
    """Return whether a part of a location is a discriminator's tag, not a field."""
    return str(part).startswith("<")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if not _is_tag(part):
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


# A whole number, and not a text that reads as one.
Whole = Annotated[int, Field(strict=True)]
_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
_UNITS = (3600.0, 60.0, 1.0, 0.001)


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 2s or 250ms")  # noqa: TRY004 (pydantic's rule)
    found = _DURATION.fullmatch(value)
    if not value or found is None:
        raise ValueError("must be a duration such as 2s or 250ms")
    parts = zip(found.groups(), _UNITS, strict=True)
    return sum(float(part) * unit for part, unit in parts if part)


def _written(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


# A duration such as `1m30s` or `250ms`, in seconds.
Seconds = Annotated[
    float, BeforeValidator(_seconds), PlainSerializer(_written, when_used="json-unless-none")
]


def only(*allowed: object, because: str) -> BeforeValidator:
    """Accept the listed values; refuse any other with the reason."""

    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"only {' or '.join(map(str, allowed))} can be rehearsed: {because}")
        return value

    return BeforeValidator(check)


def exactly_one() -> AfterValidator:
    """Accept a list of one item; skipped where an item itself was refused."""

    def check(value: tuple[object, ...]) -> tuple[object, ...]:
        if len(value) != 1:
            raise ValueError(f"{len(value)} items: the rehearsal knows what to do with exactly one")
        return value

    return AfterValidator(check)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a field that no model has read yet, if it is an object; else one without fields."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def not_empty() -> AfterValidator:
    """Accept a list with at least one item; skipped where an item itself was refused."""

    def check(value: tuple[object, ...]) -> tuple[object, ...]:
        if not value:
            raise ValueError("must not be empty")
        return value

    return AfterValidator(check)


def unique() -> AfterValidator:
    """Accept a list without duplicates."""

    def check(value: tuple[object, ...]) -> tuple[object, ...]:
        twice = next((each for each in value if value.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice}: is there twice")
        return value

    return AfterValidator(check)


class Metadata(Fields):
    """The ObjectMeta of an object, or of a pod template.

    Attributes:
        creation_timestamp: where an API server has set it; of two objects the older comes first.
    """

    name: str = ""
    creation_timestamp: str | None = None
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    annotations: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def order(self) -> tuple[str, str, str]:
        """What istiod sorts objects by: age, name and namespace."""
        return self.creation_timestamp or "", self.name, self.namespace


_SIDECAR = "a sidecar here is one process of this machine, configured by the rehearsal"
_NO_MEANING = "it means nothing to a request's path"
# Labels and annotations that change what a cluster does, and why the rehearsal leaves them out.
# Labels of other prefixes are data for selectors.
_MEANT = {
    "pulumi.com/": "it steers how the engine waits for a cluster",
    "pod-security.kubernetes.io/": "processes of this machine have no pod security",
    "iam.gke.io/": "there is no Google Cloud here",
    "cloud.google.com/": "there is no Google Cloud here",
    "topology.istio.io/": "one machine has one network",
    "istio.io/use-waypoint": "sidecars and gateways pass waypoints by",
    "istio.io/connect-strategy": "no name is resolved here",
    "experimental.istio.io/disable-gateway-port-translation": "a gateway here has its own ports",
    "security.istio.io/tlsMode": "a server outside of the mesh has no identity here",
    "proxy.istio.io/config": "the sidecar here is configured by the rehearsal",
    "cluster-autoscaler.kubernetes.io/": "there are no nodes here",
    "petmesh/": "it has pods replaced, and each rehearsal starts its own",
    "sidecar.istio.io/proxy": _SIDECAR,
    "sidecar.istio.io/log": _SIDECAR,
    "sidecar.istio.io/rewriteAppHTTPProbers": _SIDECAR,
    "proxy.istio.io/overrides": _SIDECAR,
    "networking.istio.io/gatewayPort": "gateways of other clusters aren't here",
    "service.istio.io/": "it names a workload in telemetry",
    "operator.istio.io/": "there is no control plane here",
    "install.operator.istio.io/": "there is no control plane here",
}
_BOOLEANS = ("true", "false")
_KNOWN_MARKS = {
    "istio-injection": ("enabled", "disabled"),
    "istio.io/dry-run": _BOOLEANS,
    "istio.io/ignore-policy-attachment": _BOOLEANS,
    "sidecar.istio.io/inject": _BOOLEANS,
    "inject.istio.io/templates": ("gateway", "sidecar"),
}
_ANY_VALUE = ("istio.io/rev",)
_ISTIO = re.compile(r"(\w+\.)*istio\.io/.*|istio-injection")


def read_marks(metadata: Metadata, what: str, path: str = "metadata") -> Iterator[tuple[str, str]]:
    """Check the labels and annotations that have a meaning for Istio, GKE or the Pulumi engine.

    Returns:
        Path and reason of each that is left out.

    Raises:
        RefusedError: one has a meaning that the rehearsal doesn't know.
    """
    for kind, marks in (("labels", metadata.labels), ("annotations", metadata.annotations)):
        for key, value in marks.items():
            reason = next((why for prefix, why in _MEANT.items() if key.startswith(prefix)), None)
            if reason:
                yield f"{path}.{kind}.{key}", reason
            elif key in _KNOWN_MARKS:
                if value not in _KNOWN_MARKS[key]:
                    allowed = " or ".join(_KNOWN_MARKS[key])
                    raise RefusedError(
                        f"{what}: {path}.{kind}.{key} = {value}: only {allowed} can be rehearsed"
                    )
            elif _ISTIO.fullmatch(key) and key not in _ANY_VALUE:
                raise RefusedError(f"{what}: {path}.{kind}.{key}: not known to the rehearsal")
            elif kind == "annotations":
                yield f"{path}.annotations.{key}", _NO_MEANING


def group(omissions: Mapping[tuple[str, str], list[str]]) -> tuple[Omission, ...]:
    """Group omissions by what and reason, with the objects that declare them."""
    return tuple(
        sorted(
            Omission(what, reason, tuple(sorted(set(objects))))
            for (what, reason), objects in omissions.items()
        )
    )
