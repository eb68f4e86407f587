"""The image registry: one Artifact Registry repository that throws old images away."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class ImageRepositoryArgs:
    """What an image repository is made of.

    Attributes:
        repository_id: The repository's name.
        region: Its region.
        reader: The IAM member that pulls from it: the nodes' service account.
        deletion_protection: Whether the engine refuses to delete it.
    """

    repository_id: str
    region: str
    reader: pulumi.Input[str]
    deletion_protection: bool


class ImageRepository(pulumi.ComponentResource):
    """A Docker repository that keeps what its tags name, and the ten newest of each image.

    A version's tag is what its last push made, so the rest is superseded: it goes after a month.

    Attributes:
        address: Where images are pushed to, without a tag.
        grant: The reader's grant, for pods to depend on.
    """

    def __init__(
        self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:ImageRepository", name, None, opts)
        repository = gcp.artifactregistry.Repository(
            f"{name}-repository",
            repository_id=args.repository_id,
            location=args.region,
            format="DOCKER",
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
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )
        self.grant = gcp.artifactregistry.RepositoryIamMember(
            f"{name}-reader",
            location=repository.location,
            repository=repository.name,
            role="roles/artifactregistry.reader",
            member=args.reader,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.address = repository.registry_uri
        self.register_outputs({"address": self.address})
