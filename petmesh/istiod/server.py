"""istiod as a process of this machine, given its objects in files and by an API server."""

import asyncio
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from petmesh.host.ports import LOOPBACK, Ports
from petmesh.host.processes import ProcessError, Processes, Running
from petmesh.istiod.ads import AdsError, Node, Sent, ask, is_ready
from petmesh.istiod.api_server import ApiServer, kubeconfig
from petmesh.istiod.objects import Object

VARIABLE: Final = "ISTIOD"
_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
# No certificate is issued and nothing of Kubernetes asked.
_ENVIRONMENT: Final = {
    "ENABLE_CA_SERVER": "false",
    "POD_NAMESPACE": "istio-system",
    "POD_NAME": "istiod",
    "PILOT_ENABLE_ANALYSIS": "false",
    "PILOT_ENABLE_STATUS": "false",
}


def istiod_path(given: str | None = None, key: str = VARIABLE) -> Path:
    """Return the path of istiod's binary, `pilot-discovery`.

    Args:
        given: the path; None for the one that the variable ISTIOD names, else that on the PATH.
        key: names it in an error.

    Raises:
        ProcessError: there is none, or it can't be executed.
    """
    named = given or os.environ.get(VARIABLE)
    found = named or shutil.which("pilot-discovery")
    if found is None:
        raise ProcessError(f"{VARIABLE}: must be the path of istiod's binary, pilot-discovery")
    path = Path(found)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise ProcessError(f"{key} = {found}: must be the path of an executable file")
    return path


class Istiod:
    """One istiod.

    Args:
        binary: its executable.
        folder: for its files.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        ports = Ports()
        self._grpc, self._http, self._monitoring, self._debug = (ports.take() for _ in range(4))
        self._claims = ports
        self._api = ApiServer(ports.take())
        self._running: Running | None = None

    @property
    def webhook(self) -> str:
        """The URL of the webhook that says whether an object is valid."""
        return f"http://{LOOPBACK}:{self._http}/validate"

    async def start(
        self,
        processes: Processes,
        declared: Sequence[Object],
        cluster: Sequence[Object],
        mesh_config: Object,
    ) -> None:
        """Start it, and wait until it serves a mesh.

        Args:
            processes: starts it.
            declared: the objects of Istio.
            cluster: the Services, pods and namespaces.
            mesh_config: the MeshConfig.

        Raises:
            ProcessError: it ended or took too long.
        """
        config = self._folder / "config"
        shutil.rmtree(config, ignore_errors=True)
        config.mkdir(parents=True)
        (config / "mesh.yaml").write_text(yaml.safe_dump_all(declared), encoding="utf-8")
        access = self._folder / "kubeconfig.yaml"
        access.write_text(yaml.safe_dump(kubeconfig(self._api.port)), encoding="utf-8")
        await self._api.start(cluster)
        mesh = self._folder / "meshconfig.yaml"
        mesh.write_text(yaml.safe_dump(mesh_config), encoding="utf-8")
        self._running = await processes.start(
            "istiod",
            self._command(config, mesh, access),
            self._environment(),
            self._folder / "istiod.log",
        )
        deadline = time.monotonic() + _READY_SECONDS
        while not await asyncio.to_thread(is_ready, self._http):
            if not self._running.is_running:
                raise self._running.failure()
            if time.monotonic() > deadline:
                raise ProcessError(f"istiod is not ready (log: {self._running.log})")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, processes: Processes) -> None:
        """Stop it."""
        if self._running:
            await processes.stop(self._running)
        await self._api.stop()

    async def ask(self, node: Node, release: str) -> Sent:
        """Return what it sends a proxy of a release of Istio.

        Raises:
            ProcessError: it didn't answer.
        """
        try:
            return await asyncio.to_thread(ask, self._grpc, self._http, node, release)
        except AdsError as error:
            raise ProcessError(str(error)) from error

    def _command(self, config: Path, mesh: Path, access: Path) -> list[str]:
        return [
            str(self._binary),
            "discovery",
            *("--configDir", str(config)),
            *("--meshConfig", str(mesh)),
            *("--networksConfig", str(self._folder / "none.yaml")),
            *("--registries", "Kubernetes", "--kubeconfig", str(access)),
            *("--grpcAddr", f"{LOOPBACK}:{self._grpc}"),
            *("--httpAddr", f"{LOOPBACK}:{self._http}"),
            *("--monitoringAddr", f"{LOOPBACK}:{self._monitoring}"),
            *("--ctrlz_address", LOOPBACK, "--ctrlz_port", str(self._debug)),
            *("--httpsAddr", "", "--secureGRPCAddr", ""),
        ]

    def _environment(self) -> Mapping[str, Any]:
        return {**_ENVIRONMENT, "HOME": str(self._folder), "PATH": os.environ.get("PATH", "")}
