"""The Google Cloud APIs that the stack uses."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

# Enabling an API needs this one, so it comes before all others; in a new project even it has to be
# enabled by `gcloud services enable`.
RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"
APIS = (
    RESOURCE_MANAGER,
    "artifactregistry.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containersecurity.googleapis.com",
    "iam.googleapis.com",
)


class ProjectServices(pulumi.ComponentResource):
    """Enables the APIs in the project; a destroy leaves them enabled, since others may use them.

    Attributes:
        enabled: The enabled APIs, for what needs them to depend on.

    Source:
        https://cloud.google.com/service-usage/docs/enable-disable
    """

    def __init__(
        self, name: str, more: Sequence[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Enable the APIs.

        Args:
            name: The component's name.
            more: APIs besides `APIS`, enabled with them: an API that is enabled just before its use
                may refuse it for minutes.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:ProjectServices", name, None, opts)
        self.enabled: list[gcp.projects.Service] = []
        for api in (*APIS, *more):
            self.enabled.append(
                gcp.projects.Service(
                    f"{name}-{api.partition('.')[0]}",
                    service=api,
                    disable_on_destroy=False,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=self.enabled[:1]),
                )
            )
        self.register_outputs({})
