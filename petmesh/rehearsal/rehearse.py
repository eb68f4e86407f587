"""Starts an input's mesh, and stops it again."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from petmesh.envoy.control_plane import Translation
from petmesh.rehearsal.inputs import Input
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime

ControlPlane = Literal["translation", "istiod"]


@asynccontextmanager
async def running(
    read: Input,
    port: int | None = None,
    control_plane: ControlPlane = "translation",
    compare: str | None = None,
) -> AsyncGenerator[Runtime]:
    """Run a mesh whose proxies log their decisions.

    Args:
        read: the mesh, and how its workloads run.
        port: the first gateway's first port; None for any free port.
        control_plane: what configures the proxies.
        compare: the path of another istiod, whose configuration istiod's is compared with.

    Raises:
        PortInUseError: the port is taken.
        ProcessError: a process failed.
    """
    folder = new_folder()
    runtime = Runtime(
        folder,
        port,
        settings=read.settings,
        logs_decisions=True,
        control_plane=_control_plane(control_plane, compare, folder),
    )
    try:
        await runtime.start(read.mesh)
        yield runtime
    finally:
        await runtime.stop()


def _control_plane(name: ControlPlane, compare: str | None, folder: Path) -> Translation:
    if name == "translation":
        return Translation()
    from petmesh.istiod.control_plane import IstiodControlPlane  # noqa: PLC0415 (loads slowly)
    from petmesh.istiod.server import istiod_path  # noqa: PLC0415

    other = istiod_path(compare, "--compare") if compare else None
    return IstiodControlPlane(istiod_path(), folder / "istiod", other)
