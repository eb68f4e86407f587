"""The Google Cloud APIs that the stack uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

# Whether a project has an API is asked of it, so it comes before all others; in a new project even
# it has to be enabled by `gcloud services enable`, or nothing can be asked.
RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"
APIS = (
    RESOURCE_MANAGER,
    "artifactregistry.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containersecurity.googleapis.com",
    "iam.googleapis.com",
)


@dataclass(frozen=True)
class ProjectServicesArgs:
    """Which APIs.

    Attributes:
        more: Those besides `APIS`, enabled with them: an API that is enabled just before its use
            may refuse it for minutes.
    """

    more: Sequence[str]


class ProjectServices(pulumi.ComponentResource):
    """Enables the APIs in the project; a destroy leaves them enabled, since others may use them.

    Attributes:
        enabled: The enabled APIs, for what needs them to depend on.

    Source:
        https://cloud.google.com/service-usage/docs/enable-disable
    """

    def __init__(
        self, name: str, args: ProjectServicesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:ProjectServices", name, None, opts)
        self.enabled: list[gcp.projects.Service] = []
        for api in (*APIS, *args.more):
            self.enabled.append(
                gcp.projects.Service(
                    f"{name}-{api.partition('.')[0]}",
                    service=api,
                    disable_on_destroy=False,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=self.enabled[:1]),
                )
            )
        self.register_outputs({})
