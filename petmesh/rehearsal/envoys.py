"""The Envoys of a run: where each has its files, and how they end."""

import shutil
import tempfile
from pathlib import Path

from petmesh.envoy.process import EnvoyProcess
from petmesh.envoy.proxy import ProxyFiles
from petmesh.host.processes import Processes


class Envoys:
    """Starts and stops Envoys.

    Args:
        folder: in which each gets a folder of its own.
        processes: where they run.
    """

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._folder = folder
        self._processes = processes
        # A socket's path may have 107 bytes at most, which the folder's may exceed.
        self._sockets = Path(tempfile.mkdtemp(prefix="petmesh-"))
        self._started: list[EnvoyProcess] = []

    def place(self, name: str) -> tuple[Path, Path]:
        """The folder of a pod or gateway, and its Envoy's administration socket."""
        return self._folder / name, self._sockets / f"{name[-80:]}.sock"

    async def start(self, name: str, files: ProxyFiles) -> EnvoyProcess:
        """Start the Envoy of a pod or gateway; it isn't ready yet.

        Raises:
            ProcessError: it can't be started.
        """
        envoy = EnvoyProcess(files, *self.place(name))
        self._started.append(envoy)
        await envoy.start(self._processes)
        return envoy

    async def stop(self, envoy: EnvoyProcess) -> None:
        """Stop one."""
        await envoy.admin.close()
        await self._processes.stop(envoy.running)

    async def close(self) -> None:
        """Close the connections to all; the processes are left to who started them."""
        for envoy in self._started:
            await envoy.admin.close()

    def remove_sockets(self) -> None:
        """Remove the sockets, once no Envoy runs any more."""
        shutil.rmtree(self._sockets, ignore_errors=True)
