"""The command of a pod's process: its service's source in this checkout, not an image."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.topology import Pod
from petmesh.host.ports import LOOPBACK
from petmesh.host.processes import ProcessError
from petmesh.mesh.kubernetes import Container
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.project import ROOT, project

APPS = ROOT / project().sources


@dataclass(frozen=True)
class Command:
    """A process's arguments, and its whole environment.

    Attributes:
        folder: its working folder; None for the current one.
        probed: whether the container's readiness probe asks it; else any response is ready.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None = None
    probed: bool = True


# Returns the command of a pod's process, from its mesh, workload and additional variables.
Launch = Callable[[Mesh, Pod, Workload, Mapping[str, str]], Command]


def source_command(mesh: Mesh, pod: Pod, workload: Workload, extra: Mapping[str, str]) -> Command:
    """Return the command of a pod's process.

    Args:
        mesh: the pod's mesh.
        pod: the process's pod.
        workload: as declared; its container's name is that of the service's folder.
        extra: additional variables.

    Raises:
        ProcessError: there is no folder of the container's name.
    """
    container = workload.container
    if not (APPS / container.name).is_dir():
        raise ProcessError(
            f"{pod.name}: container {container.name}: "
            f"there is no folder of that name in {project().sources}/"
        )
    arguments = [*container.command, *container.args] or ["python", "-m", container.name]
    if arguments[0] in ("python", "python3"):
        arguments[0] = sys.executable
    environment = {
        "PYTHONPATH": str(APPS),
        **declared_environment(mesh, pod, container),
        **extra,
        "HOST": LOOPBACK,
        "PORT": str(pod.app_port),
        "HTTP_PROXY": pod.forward_proxy,
    }
    return Command(tuple(arguments), environment)


def declared_environment(mesh: Mesh, pod: Pod, container: Container) -> dict[str, str]:
    """Return a container's variables, with the pod's proxy for the mesh's `proxyHttpPort`."""
    sidecar = f"http://{LOOPBACK}:{mesh.config.proxy_http_port}"
    return {
        each.name: pod.forward_proxy if each.value == sidecar else each.value
        for each in container.env
    }
