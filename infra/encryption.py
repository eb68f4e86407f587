"""The key of Cloud KMS that encrypts Kubernetes Secrets, boot disks, images and backups."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.arguments import GkeArgs

CREATE = "create"
KMS = "cloudkms.googleapis.com"
ROTATION = "7776000s"

# Google's service agents that use a key, and the APIs of those that Google creates on demand.
# https://cloud.google.com/kubernetes-engine/docs/how-to/encrypting-secrets
# https://cloud.google.com/kubernetes-engine/docs/how-to/using-cmek
# https://cloud.google.com/artifact-registry/docs/cmek
_SECRETS, _DISKS = "container-engine-robot", "compute-system"
_IMAGES, _BACKUPS = "gcp-sa-artifactregistry", "gcp-sa-gkebackup"
_ON_DEMAND = {_IMAGES: "artifactregistry.googleapis.com", _BACKUPS: "gkebackup.googleapis.com"}


@dataclass(frozen=True)
class Encryption:
    """A key of Cloud KMS, or None for Google's own.

    Attributes:
        key: The key's full name.
        usable: What makes it usable, for what it encrypts to depend on.
    """

    key: pulumi.Input[str] | None
    usable: Sequence[pulumi.Resource] = ()


def encryption(args: GkeArgs, opts: pulumi.ResourceOptions) -> Encryption:
    """The key that the arguments name, with a component for one that has to be created."""
    if args.encryption_key != CREATE:
        return Encryption(args.encryption_key or None)
    created = EncryptionKey(args, opts)
    return Encryption(created.key, created.grants)


class EncryptionKey(pulumi.ComponentResource):
    """A key that is rotated each 90 days, with the grants of Google's service agents that use it.

    A destroy, or config without it, leaves the key and its grants: what it encrypted, a backup or a
    cluster that keeps it, is lost without. Nor can a ring or a key be deleted from Cloud KMS, and
    its name be had again: so the ring's name gets a suffix.

    Attributes:
        key: The key's full name.
        grants: The grants.

    Source:
        https://cloud.google.com/kms/docs/destroy-restore
    """

    def __init__(self, args: GkeArgs, opts: pulumi.ResourceOptions) -> None:
        """Declare the key in the cluster's region.

        Args:
            args: The platform's arguments.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:EncryptionKey", "encryption", None, opts)
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        protected = pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(protect=args.deletion_protection)
        )
        ring = gcp.kms.KeyRing(f"{args.cluster_name}-keys", location=args.region, opts=child)
        key = gcp.kms.CryptoKey(
            "encryption-key",
            name=args.cluster_name,
            key_ring=ring.id,
            rotation_period=ROTATION,
            labels=args.labels,
            opts=protected,
        )
        number = gcp.organizations.get_project_output(
            project_id=args.project, opts=pulumi.InvokeOutputOptions(parent=self)
        ).number
        agents = [_SECRETS, _DISKS, _IMAGES, *([_BACKUPS] if args.backup_schedule else [])]
        self.grants = [
            gcp.kms.CryptoKeyIAMMember(
                f"encryption-{agent}",
                crypto_key_id=key.id,
                role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
                member=pulumi.Output.concat(
                    "serviceAccount:service-", number, f"@{agent}.iam.gserviceaccount.com"
                ),
                opts=pulumi.ResourceOptions.merge(
                    child, pulumi.ResourceOptions(depends_on=_created(agent, child))
                ),
            )
            for agent in agents
        ]
        self.key = key.id
        self.register_outputs({"key": self.key})


def _created(agent: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The service agent, where Google doesn't create it with its API."""
    if agent not in _ON_DEMAND:
        return []
    api = _ON_DEMAND[agent]
    return [gcp.projects.ServiceIdentity(f"encryption-{agent}-agent", service=api, opts=opts)]
