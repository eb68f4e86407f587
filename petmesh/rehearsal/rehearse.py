"""Starts an input's mesh, and stops it again."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from petmesh.rehearsal.inputs import Input
from petmesh.rehearsal.launch import Launcher
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime


@asynccontextmanager
async def running(read: Input, port: int | None = None) -> AsyncGenerator[Runtime]:
    """Run a mesh whose proxies log their decisions.

    Args:
        read: the mesh, and how its workloads run.
        port: the first gateway's first port; None for any free port.

    Raises:
        PortInUseError: the port is taken.
        ProcessError: a process failed.
    """
    stand_ins = frozenset(
        f"{workload.namespace}/{workload.name}"
        for workload in read.mesh.workloads
        if read.settings.of(workload).command is None
    )
    runtime = Runtime(
        new_folder(),
        port,
        launch=Launcher(read.settings),
        stand_ins=stand_ins,
        logs_decisions=True,
    )
    try:
        await runtime.start(read.mesh)
        yield runtime
    finally:
        await runtime.stop()
