"""The effect of applying a mesh to what runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """The effect of applying a mesh.

    Attributes:
        files: Envoy files that changed, by proxy.
        started, stopped: pods.
        seconds: until the last Envoy had applied it.
    """

    files: Mapping[str, tuple[str, ...]]
    started: tuple[str, ...]
    stopped: tuple[str, ...]
    seconds: float


def by_proxy(files: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the files of each proxy, each of them once."""
    found: dict[str, dict[str, None]] = {}
    for proxy, file in files:
        found.setdefault(proxy, {})[file] = None
    return {proxy: tuple(each) for proxy, each in found.items()}
