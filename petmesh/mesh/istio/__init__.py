"""Istio's objects: the fields that are translated, and those that are left out.

They are those of one release of Istio, whose istiod the translation follows.
"""

from typing import Final

RELEASE: Final = "1.31.1"


def minor(release: str) -> str:
    """Return the minor version of a release, such as `1.31`."""
    return ".".join(release.split(".")[:2])
