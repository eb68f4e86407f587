"""The image registry: an Artifact Registry repository that deletes old images."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.arguments import GkeArgs
from infra.encryption import Encryption

DAY_SECONDS = 24 * 60 * 60


class ImageRepository(pulumi.ComponentResource):
    """A Docker repository that keeps tagged images, and the ten newest of each.

    A version's tag names its last push, so untagged images are superseded: deleted after a month.

    Attributes:
        address: The address that images are pushed to, without a tag.
        grant: The reader's grant, for pods to depend on.
    """

    def __init__(
        self,
        args: GkeArgs,
        reader: pulumi.Input[str],
        encryption: Encryption,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the repository, named after the cluster.

        Args:
            args: The platform's arguments.
            reader: The IAM member that pulls from it: the nodes' service account.
            encryption: The key of its images.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:ImageRepository", "images", None, opts)
        repository = gcp.artifactregistry.Repository(
            "images-repository",
            repository_id=args.cluster_name,
            location=args.region,
            format="DOCKER",
            labels=args.labels,
            kms_key_name=encryption.key,
            cleanup_policies=[
                {
                    "id": "keep-ten-newest",
                    "action": "KEEP",
                    "most_recent_versions": {"keep_count": 10},
                },
                {
                    "id": "keep-tagged",
                    "action": "KEEP",
                    "condition": {"tag_state": "TAGGED"},
                },
                {
                    "id": "delete-untagged-after-30-days",
                    "action": "DELETE",
                    "condition": {"tag_state": "UNTAGGED", "older_than": f"{30 * DAY_SECONDS}s"},
                },
            ],
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.deletion_protection, depends_on=encryption.usable
            ),
        )

        def grant(name: str, role: str, member: pulumi.Input[str]) -> pulumi.Resource:
            return gcp.artifactregistry.RepositoryIamMember(
                name,
                location=repository.location,
                repository=repository.name,
                role=f"roles/artifactregistry.{role}",
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )

        self.grant = grant("images-reader", "reader", reader)
        for user in args.users:
            grant(f"images-writer-{user}", "writer", user)
        self.address = repository.registry_uri
        self.register_outputs({"address": self.address})
