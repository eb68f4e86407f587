"""The result of one in-process run: the declared resources, or an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

STACK_TYPE: Final = "pulumi:pulumi:Stack"


class ProgramError(Exception):
    """The program or its config is refused, as under the Pulumi CLI; one line per problem."""


class UnknownValue:
    """The type of `UNKNOWN`: in a preview, a value that only an update can tell."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = UnknownValue()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource.

    `inputs` and `outputs` are plain data: whole numbers are int, secrets are unwrapped, a value
    that is unknown in a preview is `UNKNOWN`. `secret_inputs` and `secret_outputs` are the paths
    of secrets, such as `data.password` or `env[0].value`. Other resources are named by URN.
    """

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secret_inputs: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, Any])
    provider: str = ""
    providers: Mapping[str, str] = field(default_factory=dict[str, str])
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    deleted_with: str = ""
    import_id: str = ""
    read_id: str = ""
    aliases: tuple[Mapping[str, Any], ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    plugin_download_url: str = ""


@dataclass(frozen=True)
class Declaration:
    """The resources and outputs of one run, in the order of registration.

    `referenced` are the stacks whose outputs the program read, each as it is after an update.
    """

    project: str
    stack: str
    preview: bool
    config: Mapping[str, str]
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    warnings: tuple[str, ...]
    referenced: tuple["Declaration", ...] = ()

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """Return the resources of a type token, such as `kubernetes:apps/v1:Deployment`."""
        return tuple(resource for resource in self.resources if resource.type == type_)

    def one(self, type_: str, name: str) -> Resource:
        """Return the one resource of a type token and a logical name; else LookupError."""
        found = [resource for resource in self.of_type(type_) if resource.name == name]
        if len(found) != 1:
            raise LookupError(f"{type_} {name}: {len(found)} declared")
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        """Return the resource of a URN; LookupError if there is none."""
        for resource in self.resources:
            if resource.urn == urn:
                return resource
        raise LookupError(f"{urn}: not declared")
