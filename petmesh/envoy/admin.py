"""Envoy's administration interface, over its Unix socket."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

_BUCKET = re.compile(r"B([\d.e+]+)\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Stats:
    """Envoy's statistics: counters and gauges, texts, and histograms.

    `histograms` has for each name the cumulative count of samples by upper bound, since the process
    started.
    """

    values: dict[str, int] = field(default_factory=dict[str, int])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    histograms: dict[str, dict[float, int]] = field(default_factory=dict[str, dict[float, int]])


@dataclass(frozen=True)
class EndpointCount:
    """An upstream endpoint's requests since the process started.

    Attributes:
        cluster: its cluster.
        port: its TCP port; 0 for none.
        requests: tries, each retry one of them.
        errors: those that were answered 5xx, or not at all.
    """

    cluster: str
    port: int
    requests: int
    errors: int


class Admin:
    """A client of one Envoy's administration interface.

    https://www.envoyproxy.io/docs/envoy/latest/operations/admin
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections to Envoy."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def is_ready(self) -> bool:
        """Return whether Envoy has loaded its configuration and accepts requests."""
        try:
            return (await self._get("/ready")).strip() == "LIVE"
        except (OSError, aiohttp.ClientError):
            return False

    async def stats(self, pattern: str) -> Stats:
        """Return the statistics whose names an RE2 pattern matches in part, with histograms."""
        text = await self._get(f"/stats?histogram_buckets=cumulative&filter={quote(pattern)}")
        stats = Stats()
        for line in text.splitlines():
            name, _, value = line.rpartition(": ") if ": B" not in line else line.partition(": ")
            if value.startswith('"'):
                stats.texts[name] = value.strip('"')
            elif value.lstrip("-").isdigit():
                stats.values[name] = int(value)
            elif value.startswith("B"):
                stats.histograms[name] = {
                    float(bound): int(total) for bound, _, total in _BUCKET.findall(value)
                }
        return stats

    async def endpoints(self) -> list[EndpointCount]:
        """Return the counts of every endpoint of every cluster."""
        held: Any = json.loads(await self._get("/clusters?format=json"))
        return [
            _count(str(cluster["name"]), host)
            for cluster in held.get("cluster_statuses", ())
            for host in cluster.get("host_statuses", ())
        ]

    async def _get(self, path: str) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket)),
                timeout=aiohttp.ClientTimeout(total=5),
            )
        async with self._session.get(f"http://envoy{path}") as response:
            return await response.text()


def _count(cluster: str, host: dict[str, Any]) -> EndpointCount:
    """Return an endpoint's counts; Envoy leaves out a value of 0."""
    address = host.get("address", {}).get("socket_address", {})
    counts = {each.get("name"): int(each.get("value", 0)) for each in host.get("stats", ())}
    return EndpointCount(
        cluster,
        int(address.get("port_value", 0)),
        counts.get("rq_total", 0),
        counts.get("rq_error", 0),
    )
