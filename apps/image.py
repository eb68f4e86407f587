"""The image of one service's version: built and pushed, or one that exists already."""

import pulumi
import pulumi_docker as docker

from apps.arguments import ServiceArgs
from apps.catalog import FOLDER, version_file


def image_reference(
    args: ServiceArgs, version: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Return the reference that a pod pulls: of the pushed image by its digest, or the given one.

    An image is built from this checkout unless `images` gives one. The push uses the credentials of
    the Docker client, so that none is in the state.

    Args:
        args: The service.
        version: The version, which the Dockerfile gets as its build argument VERSION. Where the
            service has a `versions/<version>.json`, VERSION_DATA is its text.
        opts: The image's options.
    """
    service = args.service.name
    if given := args.given_images.get((service, version)):
        return pulumi.Output.from_input(given)
    image = docker.Image(
        f"{service}-{version}-image",
        image_name=pulumi.Output.concat(args.registry, "/", service, ":", version),
        build={
            "context": args.build_context(),
            "dockerfile": f"{FOLDER.name}/{service}/Dockerfile",
            "args": _build_args(service, version),
            "platform": args.image_platform,
        },
        # A preview in a pull request shows what would change; it builds nothing.
        build_on_preview=False,
        opts=opts,
    )
    return image.repo_digest


def _build_args(service: str, version: str) -> dict[str, str]:
    data = version_file(service, version)
    own = {"VERSION_DATA": data.read_text(encoding="utf-8")} if data.exists() else {}
    return {"VERSION": version} | own
