"""Requests by workload over time, as the callers' proxies count them."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from petmesh.envoy.admin import EndpointCount
from petmesh.rehearsal.runtime import Runtime
from petmesh.ui.feed import Feed

_EVERY_SECONDS: Final = 1.0
# Of the time between two readings, what a reading may take: proxies have other work.
_PART: Final = 4
PART: Final = "traffic"


@dataclass(frozen=True)
class Call:
    """A caller, and what it calls: workloads, gateways or outside hosts."""

    caller: str
    called: str


@dataclass(frozen=True)
class Counts:
    """Requests and errors by call, since the proxies started."""

    requests: Counter[Call]
    errors: Counter[Call]

    def since(self, before: "Counts") -> "Counts":
        """Return what was added; a proxy that was replaced meanwhile counts from 0 again."""
        return Counts(self.requests - before.requests, self.errors - before.errors)

    def point(self, at: float, seconds: float) -> dict[str, Any]:
        """Return them as a point of the page's curves.

        Args:
            at: the time, in seconds since 1970.
            seconds: in which they were added.
        """
        calls = [
            [call.caller, call.called, number, self.errors[call]]
            for call, number in sorted(self.requests.items(), key=lambda held: str(held[0]))
        ]
        return {"at": round(at, 2), "seconds": round(seconds, 2), "calls": calls}


async def follow(runtime: Runtime, feed: Feed) -> None:
    """Add a point to the feed every second, while a browser looks; runs until it is cancelled."""
    feed.set(PART, [])
    before, took = await counted(runtime), 0.0
    at = time.monotonic()
    while True:
        await asyncio.sleep(max(_EVERY_SECONDS - took, _PART * took))
        begun = time.monotonic()
        try:
            now = await counted(runtime)
        except (OSError, TimeoutError, aiohttp.ClientError):
            # A proxy is just being replaced.
            continue
        took = time.monotonic() - begun
        if feed.is_watched:
            feed.add(PART, now.since(before).point(time.time(), begun - at))
        before, at = now, begun


async def counted(runtime: Runtime) -> Counts:
    """Return what every proxy counts of what it calls."""
    return counts_of(await runtime.endpoint_counts(), _names(runtime))


def counts_of(read: Mapping[str, list[EndpointCount]], names: Mapping[str | int, str]) -> Counts:
    """Return the counts by call.

    Args:
        read: what each proxy counts.
        names: the workload, gateway or outside host of each proxy, and of each port.
    """
    requests, errors = Counter[Call](), Counter[Call]()
    for proxy, endpoints in read.items():
        for each in endpoints:
            called = names.get(each.port)
            if called and each.requests and each.cluster.startswith("outbound"):
                call = Call(names.get(proxy, proxy), called)
                requests[call] += each.requests
                errors[call] += each.errors
    return Counts(requests, errors)


def _names(runtime: Runtime) -> dict[str | int, str]:
    """Return the workload, gateway or outside host of each pod's name and each port."""
    names: dict[str | int, str] = {pod.name: pod.workload for pod in runtime.pods}
    for pod in runtime.pods:
        for port in (pod.inbound_port, *pod.container_ports.values()):
            names[port] = pod.workload
    for gateway in runtime.inner_gateways:
        names |= dict.fromkeys(gateway.ports.values(), gateway.name)
    for ports in (runtime.stub_hosts.addresses, runtime.stub_hosts.plain_addresses):
        names |= {port: host.partition("@")[0] for host, port in ports.items()}
    return names
