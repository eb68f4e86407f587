"""Figures from Prometheus' HTTP API, by default from Istio's standard metrics."""

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import accumulate
from pathlib import Path
from string import Template
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from yarl import URL

from petmesh.ramp import istio_queries as metrics
from petmesh.ramp.measurements import MOST, Figures, UnroutedRequests
from petmesh.ramp.reply import ReplyError, Sample, samples
from petmesh.ramp.source_http import SourceHttp
from petmesh.ramp.target import TargetError, UsageError

TOKEN_VARIABLE = "PROMETHEUS_TOKEN"  # noqa: S105 (a name)
_STRETCHES = 24
# No shorter than it takes Prometheus to scrape what is new.
_SHORTEST_STRETCH_SECONDS = 5
# By the workload, whose name holds the version: who can't reach a pod doesn't know its version.
_WORKLOAD = 'destination_workload="$workload",destination_workload_namespace="$namespace"'
_WINDOW = metrics.Window("$window", stretch="$stretch")
_HOST = r"$service([.]$namespace([.].*)?)?(:[0-9]+)?"


class OwnQuery(BaseModel):
    """Two counts of a version, and what part of them may be bad.

    Attributes:
        bad: PromQL of how many were bad in the window; as of `Queries`.
        total: PromQL of how many there were.
        allowed: how many percent may be bad; None for no larger a part than the stable version's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bad: str
    total: str
    allowed: float | None = Field(default=None, ge=0, lt=100)


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
        own: counts that a condition of the user's is about, by their name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: str = f"sum({metrics.requests(_WORKLOAD, _WINDOW)})"
    errors: str = f"sum({metrics.failures(_WORKLOAD, _WINDOW)})"
    latency: str = f"sum by (le) ({metrics.durations(_WORKLOAD, _WINDOW)})"
    latency_unit: Literal["ms", "s"] = "ms"
    lost: str = f"sum({metrics.nowhere(_HOST, _WINDOW)})"
    overflowed: str = f"sum({metrics.nowhere(_HOST, _WINDOW, more=metrics.OVERFLOWED)})"

    own: dict[str, OwnQuery] = {}

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
            _check_names(name, getattr(self, name), known)
        for name, own in self.own.items():
            _check_names(name, own.bad, version)
            _check_names(name, own.total, version)
        return self


def _check_names(name: str, query: str, known: Collection[str]) -> None:
    template = Template(query)
    if set(template.get_identifiers()) - set(known) or not template.is_valid():
        names = ", ".join(f"${each}" for each in sorted(known))
        raise ValueError(f"{name}: may hold no $ but in {names}; write $$ for a $")


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
        authorization: gives the headers of each request, for a token that doesn't last.
    """

    looks_before = 120

    def __init__(
        self,
        address: str,
        token: str = "",
        queries: Queries | None = None,
        authorization: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
    ) -> None:
        url = URL(address)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if url.user is not None and not token:
            pair = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
            headers = {"Authorization": f"Basic {pair}"}
        place = str(url.with_user(None)).rstrip("/")
        self._http = SourceHttp("Prometheus", place, headers, TOKEN_VARIABLE)
        self._queries = queries or Queries()
        self._authorization = authorization

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
        own = await asyncio.gather(
            *(
                self._own(name, filled(each.bad), filled(each.total))
                for name, each in self._queries.own.items()
            )
        )
        answers = latency.pop(math.inf, 0.0)
        return Figures(
            requests=requests,
            errors=min(requests, errors),
            answers=answers,
            within=latency,
            own=dict(zip(self._queries.own, own, strict=True)),
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
        await self._http.close()

    async def _count(self, name: str, query: str) -> float:
        """How many a query counts; no series is 0."""
        value = await self._value(name, query)
        return 0.0 if value is None else self._finite(name, value)

    async def _own(self, name: str, bad: str, total: str) -> tuple[float, float]:
        few, every = await asyncio.gather(self._count(name, bad), self._count(name, total))
        return min(few, every), every

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
        headers: Mapping[str, str] = {}
        if self._authorization:
            headers = await self._authorization()
        status, kind, body = await self._http.ask(
            "POST", "/api/v1/query", headers, data={"query": query}
        )
        try:
            return samples(status, kind, body)
        except ReplyError as error:
            raise self._error(f"{name}: {error}") from error

    def _error(self, text: str) -> TargetError:
        return self._http.error(text)


def _times(seconds: float) -> dict[str, str]:
    """A window, and the stretches that it is cut into: a few dozen, whatever its length."""
    window = max(1, round(seconds))
    stretch = min(window, max(_SHORTEST_STRETCH_SECONDS, math.ceil(window / _STRETCHES)))
    return {"window": f"{window}s", "stretch": f"{stretch}s"}
