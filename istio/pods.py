"""The pods of one workload, as policies select them and name them as callers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkloadPods:
    """The pods of one workload.

    Attributes:
        namespace: Their namespace.
        name: What their policies are named; in the mesh their ServiceAccount's name too.
        labels: The labels that select them.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]

    @property
    def principal(self) -> str:
        """Their identity in mutual TLS, as an AuthorizationPolicy names it."""
        return f"cluster.local/ns/{self.namespace}/sa/{self.name}"
