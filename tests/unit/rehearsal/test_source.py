"""The command and the environment of a pod's process."""

import sys
from dataclasses import replace
from typing import Any

import pytest

from petmesh.host.processes import ProcessError
from petmesh.mesh.gather import gather
from petmesh.mesh.kubernetes import Container
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.rehearsal.source import declared_environment, source_command
from tests.unit.mesh.meshes import PODS, mesh, with_values

PETSERVICE = PODS[0]
ITS_PROXY = f"http://127.0.0.1:{PETSERVICE.outbound_port}"


def workload(of: Mesh) -> Workload:
    [declared] = [each for each in of.workloads if each.name == PETSERVICE.workload]
    return declared


def container(of: Mesh) -> Container:
    return workload(of).container


def test_the_proxy_that_the_mesh_opens_in_each_pod_is_the_pods_own() -> None:
    of = mesh()
    declared = {each.name: each.value for each in container(of).env}
    assert declared.pop("DOG_API_PROXY") == f"http://127.0.0.1:{of.config.proxy_http_port}"
    given = declared_environment(of, PETSERVICE, container(of))
    assert given.pop("DOG_API_PROXY") == ITS_PROXY
    assert given == declared


@pytest.mark.parametrize("port", [0, 15009])
def test_where_the_mesh_opens_another_port_or_none_the_declared_one_leads_nowhere(
    port: int,
) -> None:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["values"]["meshConfig"]["proxyHttpPort"] = port

    of = gather(with_values("istiod", change))
    given = declared_environment(of, PETSERVICE, container(of))
    assert given["DOG_API_PROXY"] == "http://127.0.0.1:15007"


def test_the_source_is_run_by_this_python_and_what_is_given_wins_over_what_is_declared() -> None:
    of = mesh()
    command = source_command(of, PETSERVICE, workload(of), {"DOG_API_PROXY": "none", "PORT": "1"})
    assert command.arguments == (sys.executable, "-m", "petservice")
    assert command.environment["DOG_API_PROXY"] == "none"
    assert command.environment["PORT"] == str(PETSERVICE.app_port)
    assert command.environment["HTTP_PROXY"] == ITS_PROXY


def test_a_container_without_source_is_refused_by_name() -> None:
    of = mesh()
    proxy = container(of).model_copy(update={"name": "proxy"})
    other = replace(workload(of), container=proxy)
    with pytest.raises(ProcessError, match="container proxy: there is no folder of that name in"):
        source_command(of, PETSERVICE, other, {})
