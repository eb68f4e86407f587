"""Parts of what is declared in Google Cloud."""

from typing import Any

from petmesh.program.declaration import Declaration
from tests.unit.declared import PROJECT

NODES = f"serviceAccount:petmesh-nodes@{PROJECT}.iam.gserviceaccount.com"


def cluster(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    [only] = stack.of_type("gcp:container/cluster:Cluster")
    return only.inputs


def node_pool(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    [only] = stack.of_type("gcp:container/nodePool:NodePool")
    return only.inputs
