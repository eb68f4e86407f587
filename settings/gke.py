"""The keys of a GKE cluster's features, each of which is off by default."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from infra.encryption import CREATE
from infra.machines import CONFIDENTIAL
from settings.forms import (
    DNS_NAME,
    REPOSITORY,
    Array,
    TrueOrFalse,
    Whole,
    each_once,
    matches,
)

# https://cloud.google.com/kms/docs/resource-hierarchy
KMS_KEY = (
    r"projects/[a-z0-9.:-]{6,64}/locations/[a-z0-9-]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}"
)
# A field of cron's: *, a number or a range, a list of these, with steps.
# https://cloud.google.com/kubernetes-engine/docs/add-on/backup-for-gke/how-to/backup-plan
_CRON_FIELD = r"(\*|\d{1,2}(-\d{1,2})?)(/\d{1,2})?(,(\*|\d{1,2}(-\d{1,2})?)(/\d{1,2})?)*"
CRON = rf"{_CRON_FIELD}( {_CRON_FIELD}){{4}}"
# https://cloud.google.com/resource-manager/docs/labels-overview#requirements
LABEL = r"(?!stack=|goog)[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}"
MOST_EXCLUSIONS = 20


def _schedule(value: str) -> str:
    """Cron's fields within their ranges, once an hour at most: Google takes no more backups."""
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for field, (lowest, highest) in zip(value.split(), limits, strict=False):
        for number in re.findall(r"(?<!/)\b\d+", field):
            if not lowest <= int(number) <= highest:
                raise ValueError
    if value and not value.split(maxsplit=1)[0].isdecimal():
        raise ValueError
    return value


def _period(value: str) -> str:
    start, _, end = value.partition("/")
    if not date.fromisoformat(start) < date.fromisoformat(end):
        raise ValueError
    return value


def _each_key_once(labels: tuple[str, ...]) -> tuple[str, ...]:
    each_once(tuple(label.partition("=")[0] for label in labels))
    return labels


Label = Annotated[str, matches(LABEL)]
Period = Annotated[str, matches(r"\d{4}-\d\d-\d\d/\d{4}-\d\d-\d\d"), AfterValidator(_period)]
ImagePattern = Annotated[str, matches(rf"{REPOSITORY}/(\*\*?|[a-z0-9._-]+)")]
Attestor = Annotated[str, matches(r"projects/[a-z0-9.:-]{6,64}/attestors/[\w-]{1,63}")]


class GkeFeatures(BaseModel):
    """The keys of what a GKE cluster may have besides. A description says what a key allows."""

    # Only `Settings` is validated: a validator of these keys alone would be built for nothing.
    model_config = ConfigDict(defer_build=True)

    labels: Annotated[tuple[Label, ...], Array, AfterValidator(_each_key_once)] = Field(
        max_length=60,
        description="a list of at most 60 key=value of a-z, 0-9, _ and -, such as owner=pets, each "
        "key once, none stack or goog*, which are set already",
    )
    kubernetes_version: Annotated[str, matches(r"(1\.[3-9]\d(\.\d+(-gke\.\d+)?)?)?")] = Field(
        description="a version of GKE such as 1.34 or 1.34.1-gke.1000, or empty"
    )
    maintenance_exclusions: Annotated[tuple[Period, ...], Array, AfterValidator(each_once)] = Field(
        max_length=MOST_EXCLUSIONS,
        description=f"a list of at most {MOST_EXCLUSIONS} START/END, the start first, such as "
        "2026-11-20/2027-01-05",
    )
    rbac_group: Annotated[str, matches(rf"(gke-security-groups@{DNS_NAME})?")] = Field(
        description="gke-security-groups@ and a domain of Google Workspace or Cloud Identity, or "
        "empty"
    )
    binary_authorization: TrueOrFalse = Field(description="true or false")
    attestors: Annotated[tuple[Attestor, ...], Array, AfterValidator(each_once)] = Field(
        description="a list of projects/PROJECT/attestors/NAME"
    )
    admitted_images: Annotated[tuple[ImagePattern, ...], Array, AfterValidator(each_once)] = Field(
        description="a list of images in a repository, such as ghcr.io/team/app or ghcr.io/team/*"
    )
    encryption_key: Annotated[str, matches(rf"({CREATE}|{KMS_KEY})?")] = Field(
        description="create, or projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, or "
        "empty"
    )
    confidential_nodes: Literal["", "SEV", "SEV_SNP", "TDX"] = Field(
        description=f"{', '.join(CONFIDENTIAL)} or empty"
    )
    spot_nodes: TrueOrFalse = Field(description="true or false")
    node_upgrades: Literal["surge", "blueGreen"] = Field(description="surge or blueGreen")
    upgrade_notifications: TrueOrFalse = Field(description="true or false")
    backup_schedule: Annotated[str, matches(f"({CRON})?"), AfterValidator(_schedule)] = Field(
        description='five fields of cron\'s, in UTC, at one minute, such as "0 3 * * *", or empty'
    )
    backup_retention_days: Whole = Field(ge=1, le=365, description="a whole number from 1 to 365")
    cloud_armor: TrueOrFalse = Field(description="true or false")
    secret_manager: TrueOrFalse = Field(description="true or false")
    vertical_pod_autoscaling: TrueOrFalse = Field(description="true or false")

    @property
    def label_values(self) -> Mapping[str, str]:
        """The labels' values by their keys."""
        pairs = (label.partition("=") for label in self.labels)
        return {key: value for key, _, value in pairs}

    @property
    def exclusion_dates(self) -> Sequence[tuple[str, str]]:
        """The first and the last day of each maintenance exclusion."""
        pairs = (period.partition("/") for period in self.maintenance_exclusions)
        return [(start, end) for start, _, end in pairs]
