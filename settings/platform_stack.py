"""What an application's stack follows of its platform's: the output `platform` of that stack."""

import json
from collections.abc import Mapping

import pulumi
import pulumi.runtime
from pydantic import BaseModel, ConfigDict, ValidationError

from petmesh.program.urls import without_credentials
from settings.keys import Settings
from settings.messages import readable

OUTPUT = "platform"
# The engine's own function, which a StackReference calls too; its result is there at once, so that
# what is declared can depend on it.
# https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/builtins.go
_READ = "pulumi:pulumi:readStackOutputs"


class PlatformStackError(pulumi.RunError):
    """A platform's stack that can't be followed; the text says why, in one line."""


class Exported(BaseModel):
    """The output `platform`.

    Attributes:
        config: The config that applications follow, as text by key.
        applications: The hosts of each application, by its namespace.
    """

    model_config = ConfigDict(frozen=True)

    config: Mapping[str, str]
    applications: Mapping[str, tuple[str, ...]]


def platform_config(settings: Settings) -> Mapping[str, str]:
    """The config that an application follows, as text by key.

    Args:
        settings: The application's own, with its `platformStack` and `namespace`.

    Raises:
        PlatformStackError: There is no such stack, it is no platform's, or it doesn't have the
            application.
    """
    stack = settings.platform_stack
    try:
        outputs = pulumi.runtime.invoke(_READ, {"name": stack}).value["outputs"]
    except Exception as error:
        told = without_credentials(readable(" ".join(str(error).split())))
        raise PlatformStackError(f"platformStack = {stack}: it can't be read: {told}") from error
    try:
        exported = Exported.model_validate(outputs.get(OUTPUT))
    except ValidationError:
        raise PlatformStackError(
            f"platformStack = {stack}: must be a stack with owner = platform that was brought up: "
            f"it has no output {OUTPUT} of this program's form"
        ) from None
    hosts = exported.applications.get(settings.namespace)
    if hosts is None:
        raise PlatformStackError(
            f"namespace = {settings.namespace}: must be one of "
            f"{', '.join(exported.applications)}, the applications of platformStack {stack}"
        )
    return {**exported.config, "ingressHosts": json.dumps(hosts)}
