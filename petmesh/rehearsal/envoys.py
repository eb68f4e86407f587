"""The Envoys of a run: their files, their start and their end."""

import shutil
import tempfile
from pathlib import Path

from petmesh.envoy.process import EnvoyProcess
from petmesh.envoy.proxy import ProxyFiles
from petmesh.host.processes import Processes


class Envoys:
    """Starts and stops Envoys.

    Args:
        folder: the parent of each Envoy's folder.
        processes: starts them.
    """

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._folder = folder
        self._processes = processes
        # A socket's path has at most 107 bytes, which the folder's may exceed.
        self._sockets = Path(tempfile.mkdtemp(prefix="petmesh-"))
        self._started: list[EnvoyProcess] = []

    def paths(self, name: str) -> tuple[Path, Path]:
        """Return the folder of a pod or gateway, and its Envoy's administration socket."""
        return self._folder / name, self._sockets / f"{name[-80:]}.sock"

    async def start(self, name: str, files: ProxyFiles) -> EnvoyProcess:
        """Start the Envoy of a pod or gateway, without waiting until it is ready.

        Raises:
            ProcessError: it can't be started.
        """
        envoy = EnvoyProcess(files, *self.paths(name))
        self._started.append(envoy)
        await envoy.start(self._processes)
        return envoy

    async def stop(self, envoy: EnvoyProcess) -> None:
        """Stop an Envoy."""
        await envoy.admin.close()
        await self._processes.stop(envoy.running)

    async def close(self) -> None:
        """Close all administration connections; `Processes` stops the processes."""
        for envoy in self._started:
            await envoy.admin.close()

    def remove_sockets(self) -> None:
        """Remove the sockets, once no Envoy runs."""
        shutil.rmtree(self._sockets, ignore_errors=True)
