"""Options of the resources at the top of a stack."""

from collections.abc import Sequence

import pulumi


def after(
    resources: Sequence[pulumi.Resource], in_cluster: pulumi.ResourceOptions
) -> pulumi.ResourceOptions:
    """Options of a resource in the cluster that is created after others."""
    return pulumi.ResourceOptions.merge(in_cluster, pulumi.ResourceOptions(depends_on=[*resources]))
