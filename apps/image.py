"""The image of one service's version: built and pushed, or one that exists already."""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from apps.catalog import FOLDER, version_file
from apps.context import build_context


@dataclass(frozen=True)
class ServiceImageArgs:
    """Which image.

    Attributes:
        service: The service's name, and its folder here.
        version: The version, given to the Dockerfile as its build argument VERSION. Where the
            service has a `versions/<version>.json`, VERSION_DATA is its text.
        registry: Where the image is pushed to.
        platform: What it is built for, such as linux/amd64.
        reference: An image that exists already: it is neither built nor pushed.
    """

    service: str
    version: str
    registry: pulumi.Input[str]
    platform: str
    reference: str | None = None


class ServiceImage(pulumi.ComponentResource):
    """One image, built from this checkout unless a reference is given.

    The push uses the credentials that the Docker client has, so that none is in the state.

    Attributes:
        reference: What a pod pulls: the pushed image by its digest, or the given reference.
    """

    def __init__(
        self, name: str, args: ServiceImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:apps:ServiceImage", name, None, opts)
        if args.reference:
            self.reference = pulumi.Output.from_input(args.reference)
        else:
            image = docker.Image(
                f"{name}-image",
                image_name=pulumi.Output.concat(
                    args.registry, "/", args.service, ":", args.version
                ),
                build={
                    "context": build_context(),
                    "dockerfile": f"{FOLDER.name}/{args.service}/Dockerfile",
                    "args": _build_args(args.service, args.version),
                    "platform": args.platform,
                },
                # A preview in a pull request tells what would change; it builds nothing.
                build_on_preview=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.reference = image.repo_digest
        self.register_outputs({"reference": self.reference})


def _build_args(service: str, version: str) -> dict[str, str]:
    data = version_file(service, version)
    own = {"VERSION_DATA": data.read_text(encoding="utf-8")} if data.exists() else {}
    return {"VERSION": version} | own
