"""The Google Cloud APIs that the stack uses."""

import pulumi
import pulumi_gcp as gcp

APIS = (
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containersecurity.googleapis.com",
    "iam.googleapis.com",
)


class ProjectServices(pulumi.ComponentResource):
    """Enables the APIs in the project; a destroy leaves them enabled, since others may use them.

    Attributes:
        enabled: The enabled APIs, for what needs them to depend on.
    """

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("petmesh:infra:ProjectServices", name, None, opts)
        self.enabled = [
            gcp.projects.Service(
                f"{name}-{api.partition('.')[0]}",
                service=api,
                disable_on_destroy=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for api in APIS
        ]
        self.register_outputs({})
