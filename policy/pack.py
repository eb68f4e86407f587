"""Every rule of the pack; all of them are mandatory."""

from policy import callers, cluster, credentials, gcp, mesh, namespaces, network, pods, supply
from policy.rules import Rule

RULES: tuple[Rule, ...] = (
    *gcp.RULES,
    *supply.RULES,
    *pods.RULES,
    *credentials.RULES,
    *cluster.RULES,
    *namespaces.RULES,
    *network.RULES,
    *callers.RULES,
    *mesh.RULES,
)
