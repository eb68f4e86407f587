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
    launcher = Launcher(read.settings)
    runtime = Runtime(
        new_folder(),
        port,
        launch=launcher,
        is_stand_in=launcher.is_stand_in,
        logs_decisions=True,
    )
    try:
        await runtime.start(read.mesh)
        yield runtime
    finally:
        await runtime.stop()
