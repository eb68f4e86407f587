"""A workload by its name, and by its namespace where two have one of that name."""

import pytest

from petmesh.host.processes import ProcessError
from petmesh.mesh.kubernetes import Container
from petmesh.mesh.mesh import Workload
from petmesh.rehearsal.known import one_workload


def workload(namespace: str, name: str) -> Workload:
    return Workload(
        name=name,
        namespace=namespace,
        labels={},
        service_account="default",
        replicas=1,
        container=Container(name="web", image="web"),
        settle_seconds=0,
        grace_seconds=30,
    )


WORKLOADS = (workload("shop", "web"), workload("bank", "web"), workload("bank", "teller"))


@pytest.mark.parametrize(
    ("name", "namespace"), [("teller", "bank"), ("bank/web", "bank"), ("shop/web", "shop")]
)
def test_a_workload_is_found_by_its_name(name: str, namespace: str) -> None:
    assert one_workload(WORKLOADS, name).namespace == namespace


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("web", "workload web: must be bank/web or shop/web"),
        ("gone", "workload gone: not in the mesh, which has teller, web, web"),
        ("shop/teller", "workload shop/teller: not in the mesh"),
    ],
)
def test_another_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(ProcessError, match=f"^{message}"):
        one_workload(WORKLOADS, name)
