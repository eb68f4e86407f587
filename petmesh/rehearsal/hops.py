"""The proxies' logs of decisions: the hops of each request."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from petmesh.envoy.decisions import decisions_file
from petmesh.envoy.topology import Pod

_FLUSH_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Hop:
    """What one proxy decided about a request.

    Attributes:
        proxy: the pod or gateway.
        listener: such as `outbound`, `inbound_8080` or `gateway_80`.
        status: of its response; 0 without one.
        flags: Envoy's response flags, such as NR for no route.
        details: Envoy's response code details.
        object: the object that declares the route, such as `VirtualService shop/web`.
        part: where in the object the route is.
        cluster: the upstream cluster.
        endpoint: the pod that was called; empty if it is none's address.
        address: the address that was called.
        denied, allowed: the AuthorizationPolicy's rule that matched, as istiod names it.
        policies: every rule that matched, of CUSTOM policies too.
        milliseconds: from the request's first byte to the response's last.
    """

    proxy: str
    listener: str
    method: str
    authority: str
    path: str
    status: int
    flags: str
    details: str
    object: str
    part: str
    cluster: str
    endpoint: str
    address: str
    denied: str
    allowed: str
    tries: int
    policies: tuple[str, ...] = ()
    milliseconds: int = 0


class Hops:
    """Reads the logs of decisions of a run.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._hops: dict[str, list[Hop]] = defaultdict(list)
        self._envoy_ids: dict[str, set[str]] = defaultdict(set)
        self._pods: dict[int, str] = {}

    def skip(self) -> None:
        """Forget what was read, and pass over what was logged until now."""
        self._hops.clear()
        self._envoy_ids.clear()
        for folder in self._folder.iterdir():
            file = decisions_file(folder)
            if file.is_file():
                self._offsets[file] = file.stat().st_size

    async def of(self, requests: Iterable[str], pods: Iterable[Pod]) -> dict[str, list[Hop]]:
        """Return the hops of requests in the order in which they ended, by the request's id.

        A call that a service makes for a request is known by the header of its own, or by Envoy's
        x-request-id, where the service passes one of the two on. Waits until each has one; what no
        proxy has logged after a while has none.
        """
        for pod in pods:
            for port in (pod.inbound_port, *pod.container_ports.values()):
                self._pods[port] = pod.name
        wanted = set(requests)
        deadline = time.monotonic() + _FLUSH_SECONDS
        while True:
            self._read()
            if wanted <= set(self._hops) or time.monotonic() > deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        # The called pod's proxy logs at about the same time: its file is written a moment later.
        await asyncio.sleep(_POLL_SECONDS * 6)
        self._read()
        return {request: self._of(request) for request in wanted}

    def _of(self, request: str) -> list[Hop]:
        passed_on = [hop for own in self._envoy_ids[request] for hop in self._hops.get(own, ())]
        return [*passed_on, *self._hops.get(request, ())]

    def all(self) -> list[Hop]:
        """Return every hop that was read so far."""
        return [hop for hops in self._hops.values() for hop in hops]

    def _read(self) -> None:
        for folder in sorted(self._folder.iterdir()):
            file = decisions_file(folder)
            if not file.is_file():
                continue
            with file.open("rb") as log:
                log.seek(self._offsets.get(file, 0))
                data = log.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offsets[file] = self._offsets.get(file, 0) + len(whole)
            for line in whole.splitlines():
                held = json.loads(line)
                # Connections that aren't HTTP have no header: they are known by their client's end.
                own = held.get("envoyRequest") or ""
                key = held.get("request") or own or held.get("peer") or ""
                self._hops[key].append(self._hop(folder.name, held))
                if own and own != key:
                    self._envoy_ids[key].add(own)

    def _hop(self, proxy: str, held: dict[str, Any]) -> Hop:
        def text(key: str) -> str:
            return str(held.get(key) or "").removeprefix("-") if held.get(key) != "-" else ""

        address = text("endpoint")
        port = address.rpartition(":")[2]
        return Hop(
            proxy=proxy,
            listener=text("listener"),
            method=text("method"),
            authority=text("authority"),
            path=text("path"),
            status=int(held.get("status") or 0),
            flags=text("flags"),
            details=text("details"),
            object=text("object"),
            part=text("part"),
            cluster=text("cluster"),
            endpoint=self._pods.get(int(port), "") if port.isdigit() else "",
            address=address,
            denied=text("denied"),
            allowed=text("allowed"),
            tries=int(held.get("tries") or 0),
            policies=_texts(held.get("policies")),
            milliseconds=int(held.get("milliseconds") or 0),
        )


def _texts(values: object) -> tuple[str, ...]:
    """Return the values of an object of a proxy's metadata."""
    return (
        tuple(map(str, cast("dict[str, Any]", values).values())) if isinstance(values, dict) else ()
    )
