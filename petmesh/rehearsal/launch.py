"""The command of a pod's process by rehearsal.yaml: the one that it names, or a stand-in."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from petmesh.envoy.topology import Pod
from petmesh.host.ports import LOOPBACK
from petmesh.host.processes import ProcessError
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.rehearsal.settings import RehearsalSettings, WorkloadSettings
from petmesh.rehearsal.source import Command, declared_environment

STAND_IN: Final = Path(__file__).with_name("stand_in.py")
_PYTHON: Final = ("python", "python3")
# Variables of this shell that a command may need to be found and to run.
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Launcher:
    """Returns the command of each pod's process.

    Attributes:
        settings: the content of rehearsal.yaml.
    """

    settings: RehearsalSettings

    def __call__(
        self, mesh: Mesh, pod: Pod, workload: Workload, extra: Mapping[str, str]
    ) -> Command:
        """Return the command of a pod's process.

        Args:
            mesh: the pod's mesh.
            pod: the process's pod.
            workload: as declared.
            extra: additional variables.

        Raises:
            ProcessError: the folder that its entry names doesn't exist.
        """
        settings = self.settings.of(workload)
        if settings.command is None:
            return _stand_in(pod, workload, settings, extra)
        folder = self.settings.folder / (settings.folder or "")
        if not folder.is_dir():
            raise ProcessError(f"{pod.name}: folder {settings.folder}: there is no such folder")
        arguments = [_filled(pod, each) for each in settings.command]
        if arguments[0] in _PYTHON:
            arguments[0] = sys.executable
        environment = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **declared_environment(mesh, pod, workload.container),
            **{key: _filled(pod, value) for key, value in settings.environment.items()},
            **extra,
            "HOST": LOOPBACK,
            settings.port: str(pod.app_port),
            "HTTP_PROXY": pod.forward_proxy,
            "http_proxy": pod.forward_proxy,
        }
        return Command(tuple(arguments), environment, folder)


def _filled(pod: Pod, text: str) -> str:
    """Return a text of rehearsal.yaml with a pod's ports and files."""
    told: dict[str, object] = {"{port}": pod.app_port}
    if pod.certificate:
        told["{tlsPort}"] = pod.secure_port or pod.app_port
        told["{certificate}"], told["{key}"] = pod.certificate.certificate, pod.certificate.key
    for name, value in told.items():
        text = text.replace(name, str(value))
    return text


def version_of(workload: Workload) -> str:
    """Return a workload's version, by its labels; its name without one."""
    labels = workload.labels
    return (
        labels.get("version") or labels.get("service.istio.io/canonical-revision") or workload.name
    )


def _stand_in(
    pod: Pod, workload: Workload, settings: WorkloadSettings, extra: Mapping[str, str]
) -> Command:
    told: dict[str, Any] = {
        "workload": workload.name,
        "version": version_of(workload),
        "pod": pod.name,
        "status": settings.status,
        "delay": settings.delay,
        "body": settings.body,
        "calls": settings.calls,
    }
    if pod.certificate:
        files = (pod.certificate.certificate, pod.certificate.key)
        told["tls"] = {"files": [*map(str, files)], "port": pod.secure_port or pod.app_port}
    environment = {
        **extra,
        "STAND_IN": json.dumps(told),
        "HOST": LOOPBACK,
        "PORT": str(pod.app_port),
        "http_proxy": pod.forward_proxy,
    }
    return Command((sys.executable, "-I", "-S", str(STAND_IN)), environment, probed=False)
