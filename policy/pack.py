"""Every rule of the pack; all of them are mandatory."""

from pulumi_policy import Policy

from policy import callers, cluster, credentials, gcp, mesh, namespaces, network, pods, supply

RULES: tuple[Policy, ...] = (
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
