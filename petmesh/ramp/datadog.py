"""Datadog's query API, by default for what its Istio integration collects."""

import asyncio
import math
import time
from collections.abc import Callable
from string import Template
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from petmesh.ramp.measurements import MOST, Figures, UnroutedRequests
from petmesh.ramp.source_http import SourceHttp

KEYS: Final = ("DD_API_KEY", "DD_APP_KEY")
_OK = 200
_WORKLOAD = "reporter:destination,destination_workload:$workload"
_REQUESTS = f"sum:istio.mesh.request.count{{{_WORKLOAD}}}.as_count()"
_ERRORS = f"sum:istio.mesh.request.count{{{_WORKLOAD},response_code:5*}}.as_count()"
_DURATION = "sum:istio.mesh.request.duration.milliseconds"
_ANSWERS = f"{_DURATION}.count{{{_WORKLOAD}}}.as_count()"
_LATENCY = f"{_DURATION}.bucket{{{_WORKLOAD}}} by {{upper_bound}}.as_count()"
_NOWHERE = (
    "sum:istio.mesh.request.count{reporter:source,destination_workload:unknown,"
    "destination_service:$service*,response_flags:$flags}.as_count()"
)


class _Series(BaseModel):
    """One series of an answer: a number for each stretch of the window; None for none."""

    tags: list[str] = Field(default_factory=list[str], alias="tag_set")
    points: list[tuple[float, float | None]] = Field(alias="pointlist")

    @property
    def total(self) -> float:
        """All that was counted."""
        return math.fsum(value for _, value in self.points if value is not None)


class _Answer(BaseModel):
    model_config = ConfigDict(strict=False)

    status: Annotated[str, Field(pattern="^ok$")]
    series: list[_Series]


_ANSWER = TypeAdapter(_Answer)


class Datadog:
    """One organisation.

    Istio's metrics come from the Agent with `use_openmetrics` and `collect_histogram_buckets`: the
    buckets are cumulative, with their bound in the tag `upper_bound`; of the last one, of all
    answers, it keeps the count alone. What it stores a minute late comes with a later look.

    Args:
        site: the API's address, such as https://api.datadoghq.eu.
        keys: the API key and the application key.
        clock: the seconds since 1970.

    Sources:
        https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points
        https://github.com/DataDog/integrations-core/blob/master/istio/metadata.csv
        get_histogram of datadog_checks_base/…/openmetrics/v2/transformers/histogram.py there
        https://docs.datadoghq.com/api/latest/rate-limits
    """

    # An organisation has so many queries an hour, and the ramp itself needs them.
    looks_before = 40

    def __init__(
        self, site: str, keys: tuple[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        headers = {"DD-API-KEY": keys[0], "DD-APPLICATION-KEY": keys[1]}
        self._http = SourceHttp("Datadog", site.rstrip("/"), headers, " or ".join(KEYS))
        self._clock = clock

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:  # noqa: ARG002
        """A version's figures of the last so many seconds.

        Raises:
            TargetError: Datadog doesn't answer, refuses a query, or gives no finite number.
        """

        def filled(query: str) -> str:
            return Template(query).substitute(workload=workload)

        requests, errors, answers, latency = await asyncio.gather(
            self._count("requests", filled(_REQUESTS), seconds),
            self._count("errors", filled(_ERRORS), seconds),
            self._count("answers", filled(_ANSWERS), seconds),
            self._histogram(filled(_LATENCY), seconds),
        )
        if answers and not latency:
            raise self._http.error("latency: it has answers, but no buckets of them")
        return Figures(
            requests=requests,
            errors=min(requests, errors),
            answers=answers,
            within={bound: min(answers, count) for bound, count in latency.items()},
        )

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:  # noqa: ARG002
        """The requests for a service that reached no pod of any version.

        Raises:
            TargetError: as of `figures`.
        """

        def of(flags: str) -> str:
            return Template(_NOWHERE).substitute(service=service, flags=flags)

        no_pod, no_cluster, overflowed = await asyncio.gather(
            *(self._count("lost", of(flags), seconds) for flags in ("uh", "nc", "uo"))
        )
        return UnroutedRequests(no_pod + no_cluster + overflowed, overflowed)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _count(self, name: str, query: str, seconds: float) -> float:
        found = await self._series(name, query, seconds)
        return self._finite(name, math.fsum(each.total for each in found))

    async def _histogram(self, query: str, seconds: float) -> dict[float, float]:
        counts: dict[float, float] = {}
        for each in await self._series("latency", query, seconds):
            bounds = [tag.partition(":")[2] for tag in each.tags if tag.startswith("upper_bound:")]
            try:
                [bound] = map(float, bounds)
            except ValueError as error:
                raise self._http.error("latency: a series has no tag upper_bound") from error
            if math.isfinite(bound):
                counts[bound] = self._finite("latency", each.total)
        return counts

    def _finite(self, name: str, value: float) -> float:
        if not 0 <= value <= MOST:
            raise self._http.error(f"{name} is {value:g}: must be a finite number from 0 on")
        return value

    async def _series(self, name: str, query: str, seconds: float) -> list[_Series]:
        now = self._clock()
        params = {"query": query, "from": str(round(now - seconds)), "to": str(round(now))}
        status, kind, body = await self._http.ask("GET", "/api/v1/query", {}, params=params)
        if status != _OK:
            raise self._http.error(f"{name}: it answers with status {status} ({kind})")
        try:
            return _ANSWER.validate_json(body).series
        except ValidationError as error:
            raise self._http.error(f"{name}: no answer of its API ({kind})") from error
