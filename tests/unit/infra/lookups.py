"""GKE clusters as the provider's function getCluster returns them."""

from collections.abc import Mapping
from typing import Any, cast

from tests.unit.declared import gke


def looked_up(held: Any) -> Any:  # noqa: ANN401 (data)
    """A declared resource as the function returns it: each block is a list, named by its plural."""
    if isinstance(held, list):
        return [looked_up(each) for each in cast("list[Any]", held)]
    if not isinstance(held, Mapping):
        return held
    return {
        f"{key}s" if isinstance(each, Mapping) else key: (
            [looked_up(each)] if isinstance(each, Mapping) else looked_up(each)
        )
        for key, each in cast("Mapping[str, Any]", held).items()
    }


def own_cluster() -> dict[str, Any]:
    """The cluster that this program creates, as somebody else would find it."""
    stack = gke()
    cluster = stack.one("gcp:container/cluster:Cluster", "gke-cluster").inputs
    pool = stack.one("gcp:container/nodePool:NodePool", "gke-nodes").inputs
    return {**looked_up(cluster), "nodePools": [looked_up(pool)]}
