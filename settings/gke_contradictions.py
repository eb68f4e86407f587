"""What contradicts the keys of a GKE cluster's features."""

import json
from collections.abc import Iterator

from infra.encryption import CREATE
from infra.machines import CONFIDENTIAL, may_be_confidential
from settings.keys import Settings


def gke_problems(settings: Settings) -> Iterator[str]:
    """One line for each problem that a stack's settings have with the features of GKE."""
    if settings.platform != "gke":
        for key, value in _protections(settings).items():
            if value:
                yield f"{key} = {_shown(value)}: needs platform = gke"
        return
    for key, value in (
        ("attestors", settings.attestors),
        ("admittedImages", settings.admitted_images),
    ):
        if value and not settings.binary_authorization:
            yield f"{key} = {_shown(value)}: must be empty while binaryAuthorization is false"
    if settings.cloud_armor and not settings.google_balanced:
        yield "cloudArmor = true: needs ingressTls = googleManaged, whose load balancer it is for"
    key = settings.encryption_key
    if key and key != CREATE and f"/locations/{settings.region}/" not in key:
        yield (
            f"encryptionKey = {key}: must be in {settings.region} while location is "
            f"{settings.location}"
        )
    technology = settings.confidential_nodes
    if technology and not may_be_confidential(settings.machine_type, technology):
        yield (
            f"confidentialNodes = {technology}: machineType must be of the series "
            f"{', '.join(CONFIDENTIAL[technology])}, without local SSD or bare metal"
        )


def _protections(settings: Settings) -> dict[str, object]:
    """What somebody who set it relies on, and no other platform has."""
    return {
        "rbacGroup": settings.rbac_group,
        "binaryAuthorization": settings.binary_authorization,
        "attestors": settings.attestors,
        "admittedImages": settings.admitted_images,
        "encryptionKey": settings.encryption_key,
        "confidentialNodes": settings.confidential_nodes,
        "upgradeNotifications": settings.upgrade_notifications,
        "backupSchedule": settings.backup_schedule,
        "cloudArmor": settings.cloud_armor,
        "secretManager": settings.secret_manager,
        "verticalPodAutoscaling": settings.vertical_pod_autoscaling,
    }


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
