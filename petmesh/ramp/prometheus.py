"""Figures from Prometheus' HTTP API, by default from Istio's standard metrics."""

import asyncio
import base64
import math
import zlib
from itertools import accumulate
from pathlib import Path
from string import Template
from typing import Literal, Self

import aiohttp
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from yarl import URL

from petmesh.ramp import istio_queries as metrics
from petmesh.ramp.measurements import MOST, Figures, UnroutedRequests
from petmesh.ramp.reply import ReplyError, Sample, samples
from petmesh.ramp.target import TargetError, UsageError

TOKEN_VARIABLE = "PROMETHEUS_TOKEN"  # noqa: S105 (a name)
_TIMEOUT_SECONDS = 5.0
_STRETCHES = 24
# No shorter than it takes Prometheus to scrape what is new.
_SHORTEST_STRETCH_SECONDS = 5
_UNAUTHORIZED = (401, 403)
_REDIRECTS = (301, 302, 303, 307, 308)
# One number takes some hundred bytes, the text of an error some thousand, a histogram some more.
_LONGEST_ANSWER = 2**20
_TOO_LONG = (
    f"its answer is longer than {_LONGEST_ANSWER >> 20} MiB: "
    "a query is to give one number, or a histogram"
)

# By the workload, whose name holds the version: who can't reach a pod doesn't know its version.
_WORKLOAD = 'destination_workload="$workload",destination_workload_namespace="$namespace"'
_WINDOW = metrics.Window("$window", stretch="$stretch")
_HOST = r"$service([.]$namespace([.].*)?)?(:[0-9]+)?"


class Queries(BaseModel):
    """PromQL of one version's figures, and of what reached no version.

    $workload, $namespace, $version, $window (as 60s) and $stretch (a part of it, as 5s) are
    replaced; in lost and overflowed it is $service, $namespace, $window and $stretch. An empty
    result is 0 requests.

    Attributes:
        requests: how many there were in the window.
        errors: how many of them failed.
        latency: a histogram: for each bound, in the label `le`, how many answers were within it.
        latency_unit: of its bounds: ms, or s.
        lost: how many requests for the service reached no pod of any version.
        overflowed: how many of these found pods, but too many requests that waited for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: str = f"sum({metrics.requests(_WORKLOAD, _WINDOW)})"
    errors: str = f"sum({metrics.failures(_WORKLOAD, _WINDOW)})"
    latency: str = f"sum by (le) ({metrics.durations(_WORKLOAD, _WINDOW)})"
    latency_unit: Literal["ms", "s"] = "ms"
    lost: str = f"sum({metrics.nowhere(_HOST, _WINDOW)})"
    overflowed: str = f"sum({metrics.nowhere(_HOST, _WINDOW, more=metrics.OVERFLOWED)})"

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        times = {"window", "stretch"}
        version = {"workload", "namespace", "version", *times}
        service = {"service", "namespace", *times}
        for name, known in (
            ("requests", version),
            ("errors", version),
            ("latency", version),
            ("lost", service),
            ("overflowed", service),
        ):
            template = Template(getattr(self, name))
            unknown = set(template.get_identifiers()) - known
            if unknown or not template.is_valid():
                names = ", ".join(f"${each}" for each in sorted(known))
                raise ValueError(f"{name}: may hold no $ but in {names}; write $$ for a $")
        return self


def read_queries(path: Path) -> Queries:
    """Queries of a YAML file with the fields of `Queries` as keys, by default Istio's.

    Raises:
        UsageError: the file can't be read or holds something else.
    """
    try:
        return Queries.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: it is no UTF-8") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where or 'queries'}: {first['msg']}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: it is no YAML") from error


class Prometheus:
    """One Prometheus.

    Args:
        address: such as http://localhost:9090, with a path before /api where it has one. A user
            and password in it are sent as such, and are part of no message.
        token: sent as a bearer token; empty for none.
        queries: what is asked.
    """

    def __init__(self, address: str, token: str = "", queries: Queries | None = None) -> None:
        url = URL(address)
        self._address = str(url.with_user(None)).rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if url.user is not None and not token:
            pair = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
            self._headers = {"Authorization": f"Basic {pair}"}
        self._queries = queries or Queries()
        self._session: aiohttp.ClientSession | None = None

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        """A version's figures of the last so many seconds.

        Raises:
            TargetError: Prometheus doesn't answer, refuses a query, or gives no finite number.
        """
        names = {
            "workload": workload,
            "namespace": namespace,
            "version": version,
            **_times(seconds),
        }

        def filled(query: str) -> str:
            return Template(query).substitute(names)

        requests, errors, latency = await asyncio.gather(
            self._count("requests", filled(self._queries.requests)),
            self._count("errors", filled(self._queries.errors)),
            self._latency(filled(self._queries.latency)),
        )
        answers = latency.pop(math.inf, 0.0)
        return Figures(
            requests=requests, errors=min(requests, errors), answers=answers, within=latency
        )

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        """The requests for a service that reached no pod of any version.

        Raises:
            TargetError: Prometheus doesn't answer, refuses a query, or gives no finite number.
        """
        names = {"service": service, "namespace": namespace, **_times(seconds)}
        requests, overflowed = await asyncio.gather(
            self._count("lost", Template(self._queries.lost).substitute(names)),
            self._count("overflowed", Template(self._queries.overflowed).substitute(names)),
        )
        return UnroutedRequests(requests, min(requests, overflowed))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _count(self, name: str, query: str) -> float:
        """How many a query counts; no series is 0."""
        value = await self._value(name, query)
        return 0.0 if value is None else self._finite(name, value)

    async def _latency(self, query: str) -> dict[float, float]:
        """How many answers there were within so many milliseconds, infinity too."""
        unit = 1000.0 if self._queries.latency_unit == "s" else 1.0
        counts: dict[float, float] = {}
        for labels, value in await self._samples("latency", query):
            try:
                bound = float(labels["le"]) * unit
            except (KeyError, ValueError) as error:
                raise self._error('latency: a series has no bound in its label "le"') from error
            if not bound >= 0 or bound in counts:
                raise self._error(f"latency: {bound:g} ms is no bound, or there twice")
            counts[bound] = self._finite("latency", value)
        # An estimate of how many there were within a bound may be above that of a higher one.
        bounds = sorted(counts)
        least = dict(zip(bounds, accumulate((counts[each] for each in bounds), max), strict=True))
        if least and math.inf not in least:
            raise self._error('latency: it has no series whose label "le" is +Inf')
        return least

    def _finite(self, name: str, value: float) -> float:
        if not 0 <= value <= MOST:
            raise self._error(f"{name} is {value:g}: must be a finite number from 0 on")
        return value

    async def _value(self, name: str, query: str) -> float | None:
        """The one number that a query gives, of whatever size; None for no series."""
        found = await self._samples(name, query)
        if len(found) > 1:
            raise self._error(f"{name}: it gives {len(found)} series: must be one")
        return found[0][1] if found else None

    async def _samples(self, name: str, query: str) -> list[Sample]:
        status, kind, body = await self._ask(query)
        try:
            return samples(status, kind, body)
        except ReplyError as error:
            raise self._error(f"{name}: {error}") from error

    async def _ask(self, query: str) -> tuple[int, str, bytes]:
        """An answer's status, its content's type and the content."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            headers = {"Accept-Encoding": "identity", **self._headers}
            self._session = aiohttp.ClientSession(
                timeout=timeout, headers=headers, auto_decompress=False
            )
        url = f"{self._address}/api/v1/query"
        try:
            async with self._session.post(
                url, data={"query": query}, allow_redirects=False
            ) as response:
                if response.status in _UNAUTHORIZED:
                    raise self._error(f"it wants another {TOKEN_VARIABLE}")
                if response.status in _REDIRECTS:
                    raise self._error(f"it answers {response.status}, {_leads_to(response)}")
                return response.status, response.content_type, await self._body(response)
        except TimeoutError as error:
            raise self._error(f"no answer within {_TIMEOUT_SECONDS:g} s") from error
        except aiohttp.ServerDisconnectedError as error:
            # Its text may hold the headers that came, with what is secret in them.
            raise self._error("it ended the connection") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error(str(error) or type(error).__name__) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """A whole answer, unpacked; neither form may be longer than is allowed."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _LONGEST_ANSWER:
                raise self._error(_TOO_LONG)
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            return bytes(body)
        if encoding != "gzip":
            raise self._error(f"its answer is packed by {encoding}, though it was asked for none")
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            unpacked = inflate.decompress(bytes(body), _LONGEST_ANSWER)
        except zlib.error as error:
            raise self._error(f"its answer can't be unpacked: {error}") from error
        if not inflate.eof:
            raise self._error(f"{_TOO_LONG}, or it is cut")
        return unpacked

    def _error(self, text: str) -> TargetError:
        return TargetError(f"Prometheus at {self._address}: {text}")


def _leads_to(response: aiohttp.ClientResponse) -> str:
    """Where a redirect leads, without what may be secret in it."""
    try:
        url = URL(response.headers.get("Location", ""))
        place = url.with_user(None) if url.is_absolute() else url
        where = str(place.with_query(None).with_fragment(None)) or "nowhere"
    except ValueError:
        where = "nowhere"
    return f"a redirect to {where}, as to a login: give the address and token that answer at once"


def _times(seconds: float) -> dict[str, str]:
    """A window, and the stretches that it is cut into: a few dozen, whatever its length."""
    window = max(1, round(seconds))
    stretch = min(window, max(_SHORTEST_STRETCH_SECONDS, math.ceil(window / _STRETCHES)))
    return {"window": f"{window}s", "stretch": f"{stretch}s"}
