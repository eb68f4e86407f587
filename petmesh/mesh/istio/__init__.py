"""Istio's objects: the fields that are translated, and those that are left out.

They are those of one release of Istio, whose istiod the translation follows.
"""

from collections.abc import Mapping
from typing import Final

RELEASE: Final = "1.31.1"
# The minor versions that are supported, newest first, and the oldest minor version of Kubernetes 1
# that each runs on: MinK8SVersion in istioctl/pkg/install/k8sversion/version.go of each release
# branch of https://github.com/istio/istio
OLDEST_KUBERNETES: Final[Mapping[str, int]] = {"1.31": 32, "1.30": 32, "1.29": 30}


def minor(release: str) -> str:
    """Return the minor version of a release, such as `1.31`."""
    return ".".join(release.split(".")[:2])
