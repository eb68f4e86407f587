"""Figures from Prometheus' HTTP API, by default from Istio's standard metrics."""

import asyncio
import base64
import math
from pathlib import Path
from string import Template
from typing import Any, Self, cast

import aiohttp
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from yarl import URL

from canary.figures import Figures, Lost
from canary.target import TargetError, UsageError
from istio import metrics

TOKEN_VARIABLE = "PROMETHEUS_TOKEN"  # noqa: S105 (a name)
_TIMEOUT_SECONDS = 5.0
_UNAUTHORIZED = (401, 403)

# By the workload, whose name holds the version: who can't reach a pod doesn't know its version.
_WORKLOAD = 'destination_workload="$workload",destination_workload_namespace="$namespace"'
_HOST = r"$service([.]$namespace([.].*)?)?(:[0-9]+)?"


class Queries(BaseModel):
    """PromQL of one version's figures, and of what reached no version.

    $workload, $namespace, $version, $window (as 60s) and, for the latency, $quantile (as 0.99) are
    replaced; in lost and overflowed it is $service, $namespace and $window. An empty result is 0
    requests.

    Attributes:
        requests: how many there were in the window.
        errors: how many of them failed.
        latency: a quantile in milliseconds.
        lost: how many requests for the service reached no pod of any version.
        overflowed: how many of these found pods, but too many requests that waited for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: str = f"sum({metrics.requests(_WORKLOAD, '$window')})"
    errors: str = f"sum({metrics.failures(_WORKLOAD, '$window')})"
    latency: str = (
        f"histogram_quantile($quantile, sum by (le) ({metrics.durations(_WORKLOAD, '$window')}))"
    )

    lost: str = f"sum({metrics.nowhere(_HOST, '$window')})"
    overflowed: str = f"sum({metrics.nowhere(_HOST, '$window', more=metrics.OVERFLOWED)})"

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        version = {"workload", "namespace", "version", "window"}
        service = {"service", "namespace", "window"}
        for name, known in (
            ("requests", version),
            ("errors", version),
            ("latency", {*version, "quantile"}),
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
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: it is no YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where or 'queries'}: {first['msg']}") from error


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
            TargetError: Prometheus doesn't answer or refuses a query.
        """
        names = {
            "workload": workload,
            "namespace": namespace,
            "version": version,
            "window": _window(seconds),
        }

        def filled(query: str, **more: str) -> str:
            return Template(query).substitute(names, **more)

        requests, errors, p50, p99 = await asyncio.gather(
            self._value(filled(self._queries.requests)),
            self._value(filled(self._queries.errors)),
            self._value(filled(self._queries.latency, quantile="0.5")),
            self._value(filled(self._queries.latency, quantile="0.99")),
        )
        counted = requests or 0.0
        return Figures(requests=counted, errors=min(counted, errors or 0.0), p50=p50, p99=p99)

    async def lost(self, service: str, namespace: str, seconds: float) -> Lost:
        """The requests for a service that reached no pod of any version.

        Raises:
            TargetError: Prometheus doesn't answer or refuses a query.
        """
        names = {"service": service, "namespace": namespace, "window": _window(seconds)}
        requests, overflowed = await asyncio.gather(
            self._value(Template(self._queries.lost).substitute(names)),
            self._value(Template(self._queries.overflowed).substitute(names)),
        )
        counted = requests or 0.0
        return Lost(counted, min(counted, overflowed or 0.0))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _value(self, query: str) -> float | None:
        """The one number that a query gives; None for none or NaN."""
        answer = await self._ask(query)
        try:
            result = answer["data"]["result"]
            if answer["data"]["resultType"] == "scalar":
                value = float(result[1])
            elif len(result) > 1:
                raise TargetError(f"Prometheus gives {len(result)} series for {query}")
            else:
                value = float(result[0]["value"][1]) if result else math.nan
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TargetError(f"Prometheus at {self._address} gives no number") from error
        return None if math.isnan(value) else max(0.0, value)

    async def _ask(self, query: str) -> dict[str, Any]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        url = f"{self._address}/api/v1/query"
        try:
            async with self._session.post(url, data={"query": query}) as response:
                if response.status in _UNAUTHORIZED:
                    raise TargetError(
                        f"Prometheus at {self._address} wants another {TOKEN_VARIABLE}"
                    )
                answer: object = await response.json(content_type=None)
        except TimeoutError as error:
            reason = f"no answer within {_TIMEOUT_SECONDS:g} s"
            raise TargetError(f"Prometheus at {self._address}: {reason}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TargetError(f"Prometheus at {self._address}: {error}") from error
        fields = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
        if fields.get("status") != "success":
            text = fields.get("error") or "no answer of its API"
            raise TargetError(f"Prometheus at {self._address}: {text}")
        return fields


def _window(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"
