"""Envoy's administration interface, over its Unix socket."""

import re
from dataclasses import dataclass, field
from pathlib import Path
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

    async def _get(self, path: str) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket)),
                timeout=aiohttp.ClientTimeout(total=5),
            )
        async with self._session.get(f"http://envoy{path}") as response:
            return await response.text()
