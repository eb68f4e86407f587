"""Every rule of the pack; all of them are mandatory."""

from policy import (
    callers,
    cluster,
    credentials,
    gcp,
    kinds,
    marks,
    mesh,
    namespaces,
    network,
    pods,
    rights,
    supply,
)
from policy.rules import Rule

RULES: tuple[Rule, ...] = (
    *kinds.RULES,
    *gcp.RULES,
    *supply.RULES,
    *pods.RULES,
    *credentials.RULES,
    *cluster.RULES,
    *rights.RULES,
    *marks.RULES,
    *namespaces.RULES,
    *network.RULES,
    *callers.RULES,
    *mesh.RULES,
)
