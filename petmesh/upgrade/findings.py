"""What a check before an upgrade finds, and the releases of Istio that it knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from semver import Version

from petmesh.mesh.crds.check import SCHEMAS, older_schemas
from petmesh.mesh.istio import OLDEST_KUBERNETES, RELEASE, minor


@dataclass(frozen=True)
class Finding:
    """Something that an upgrade would break, or that can't be known.

    Attributes:
        subject: the object, such as `DestinationRule pets/petservice`.
        text: what would happen, and the way out.
    """

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass(frozen=True)
class MinorVersion:
    """A minor version of Istio that is supported.

    Attributes:
        schemas: the file of its CRDs' schemas.
        oldest_kubernetes: the oldest minor version of Kubernetes 1 that it runs on.
    """

    schemas: Path
    oldest_kubernetes: int


SUPPORTED: Final[Mapping[str, MinorVersion]] = {
    each: MinorVersion(SCHEMAS if each == minor(RELEASE) else older_schemas(each), oldest)
    for each, oldest in OLDEST_KUBERNETES.items()
}
# What Istio tests: https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew
OLDEST_PROXY: Final = 2


def parsed(version: str) -> Version | None:
    """Return a version as numbers; None where it isn't one."""
    return Version.parse(version) if Version.is_valid(version) else None


def minors_between(older: Version, newer: Version) -> int:
    """Return how many minor versions lie between two; negative where the first is the newer one."""
    return newer.minor - older.minor
