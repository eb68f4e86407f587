"""A resource as rules see it, and a violation found in it."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from petmesh.guardrails.values import UNKNOWN, at, plain

_PATCH: Final = "Patch"
_TEMPLATE: Final = "spec.template.spec"
# Where Kubernetes' kinds hold their pods.
PODS: Final = {
    "core/Pod": "spec",
    "core/PodTemplate": "template.spec",
    "core/ReplicationController": _TEMPLATE,
    **dict.fromkeys((f"apps/{kind}" for kind in ("Deployment", "StatefulSet")), _TEMPLATE),
    **dict.fromkeys(("apps/DaemonSet", "apps/ReplicaSet", "batch/Job"), _TEMPLATE),
    "batch/CronJob": "spec.jobTemplate.spec.template.spec",
}


@dataclass(frozen=True)
class Subject:
    """A resource as rules see it.

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
        group = self.type.split(":")[1].partition("/")[0]
        return "core" if re.fullmatch(r"v\d\w*", group) else group

    @cached_property
    def of(self) -> str:
        """What rules call its kind: `apps/Deployment`, `gcp:compute/Instance`, else its type."""
        if self.api:
            return f"{self.api}/{self.kind}"
        module, slash, _ = self.type.rpartition(":")[0].partition("/")
        return f"{module}/{self.kind}" if slash and module.startswith("gcp:") else self.type

    @property
    def name(self) -> str:
        """Its name in the cluster or cloud, else in the program."""
        names = (at(self.properties, path) for path in ("metadata.name", "name"))
        return next((name for name in names if isinstance(name, str)), self.logical_name)

    @property
    def namespace(self) -> str:
        """Its namespace; empty for none, or where it isn't known yet."""
        namespace = at(self.properties, "metadata.namespace")
        return namespace if isinstance(namespace, str) else ""

    def may_be_in(self, namespace: str) -> bool:
        """Whether a namespace is its own; one that isn't known yet may be any."""
        return at(self.properties, "metadata.namespace") is UNKNOWN or self.namespace == namespace

    @property
    def pod(self) -> tuple[str, Any] | None:
        """A workload's pod spec with its path; None for what runs no pods or isn't known yet."""
        path = PODS.get(self.of)
        spec = at(self.properties, path) if path else None
        return None if path is None or spec is None or spec is UNKNOWN else (path, spec)

    @property
    def template(self) -> tuple[str, Any] | None:
        """A workload's pod template with its path; None for what has none."""
        path = PODS.get(self.of, "").rpartition(".")[0]
        return (path, at(self.properties, path)) if path else None

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True)
class Violation:
    """A field that breaks a rule.

    Attributes:
        field: The path of the field.
        value: What it holds; None for nothing.
        fix: How to fix it, in the imperative.
        whole: Whether the field belongs to what a patch replaces as a whole, such as a list of
            rules: what isn't set there isn't set anywhere.
    """

    field: str
    value: Any
    fix: str
    whole: bool = False
