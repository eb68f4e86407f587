"""What a rule looks at, a resource, and what it finds there."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policy.values import UNKNOWN, at, plain

_PATCH = "Patch"


@dataclass(frozen=True)
class Subject:
    """A resource that a rule looks at.

    Attributes:
        type: Its type token, such as `kubernetes:apps/v1:Deployment`.
        urn: Its URN.
        logical_name: Its name in the program.
        given: Its inputs as the engine hands them over; the outputs of a resource that is only
            read, which has no inputs; None where the engine has neither yet.
    """

    type: str
    urn: str
    logical_name: str
    given: Any

    @cached_property
    def properties(self) -> Any:  # noqa: ANN401 (data)
        """What is given as plain data, unknown where nothing is."""
        return UNKNOWN if self.given is None else plain(self.given)

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
        """Its namespace; empty for none, or where it isn't known yet."""
        namespace = at(self.properties, "metadata.namespace")
        return namespace if isinstance(namespace, str) else ""

    def may_be_in(self, namespace: str) -> bool:
        """Whether a namespace is its own; one that isn't known yet may be any."""
        return at(self.properties, "metadata.namespace") is UNKNOWN or self.namespace == namespace

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
