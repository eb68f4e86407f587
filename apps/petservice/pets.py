"""A pet's data from three upstreams, requested at the same time."""

import asyncio
from collections.abc import Mapping

import orjson
from aiohttp import web

from httpservice.service import UPSTREAM_MS, error, reply
from httpservice.upstream import Answer, Failure, Upstream
from petservice.forwarding import MAX_BYTES, forwarded, size

_OK = 200
_DETAILS, _HISTORY, _DOG_API = "petdetailsservice", "petmedicalhistoryservice", "dogAPI"
_GATEWAY_CODES = {502: "ECONNRESET", 503: "ECONNRESET", 504: "ETIMEDOUT"}


class _BackEndError(Exception):
    """One of the two services gave no usable answer."""

    def __init__(self, service: str, status: int, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.status = status


class Pets:
    """Puts a pet's answer together.

    Args:
        details: petdetailsservice.
        history: petmedicalhistoryservice.
        dog_api: the public API, or None to leave its part out.
    """

    def __init__(self, details: Upstream, history: Upstream, dog_api: Upstream | None) -> None:
        self._details = details
        self._history = history
        self._dog_api = dog_api

    async def answer(self, request: web.Request) -> web.Response:
        """Answer `GET /pet/{id}`.

        Without one of the two services there is no answer but a 502, or a 504 where it took too
        long, that names the service. Without the dog API an error object takes its part.
        """
        pet_id = request.match_info["id"]
        headers = forwarded(request)
        if size(headers) > MAX_BYTES:
            return error(431, f"headers to pass on over {MAX_BYTES} bytes")
        calls = {
            _DETAILS: asyncio.ensure_future(self._details.get(f"/pet/{pet_id}/details", headers)),
            _HISTORY: asyncio.ensure_future(
                self._history.get(f"/pet/{pet_id}/medicalhistory", headers)
            ),
        }
        if self._dog_api is not None:
            calls[_DOG_API] = asyncio.ensure_future(self._dog_api.get())
        try:
            response = reply(await self._put_together(calls))
        except _BackEndError as failure:
            response = error(failure.status, str(failure), service=failure.service)
        finally:
            ended = {name: each for name, each in calls.items() if each.done()}
            for each in calls.values():
                each.cancel()
        response[UPSTREAM_MS] = {name: each.result().milliseconds for name, each in ended.items()}
        return response

    async def _put_together(self, calls: Mapping[str, asyncio.Future[Answer | Failure]]) -> bytes:
        details = _object(_DETAILS, await calls[_DETAILS])
        history = _object(_HISTORY, await calls[_HISTORY])
        parts = b'"petDetails":%b,"petMedicalHistory":%b' % (details, history)
        if self._dog_api is not None:
            dog = _dog_part(self._dog_api, await calls[_DOG_API])
            parts += b',"dogAPIResponse":%b' % dog
        return b"{%b}" % parts


def _object(service: str, outcome: Answer | Failure) -> bytes:
    """Give the JSON object that a service answered."""
    if isinstance(outcome, Failure):
        status = 504 if outcome.code == "ETIMEDOUT" else 502
        raise _BackEndError(service, status, f"{outcome.code}, {outcome.reason}")
    if outcome.status != _OK:
        status = 504 if outcome.status == 504 else 502  # noqa: PLR2004
        raise _BackEndError(service, status, f"answered {outcome.status}")
    if not isinstance(_json(outcome.body), dict):
        raise _BackEndError(service, 502, "the answer is not a JSON object")
    return outcome.body


def _dog_part(dog_api: Upstream, outcome: Answer | Failure) -> bytes:
    """Give the dog API's JSON, or the error object that node-fetch made of a failed request.

    Its `type` is always `system`, its `errno` the same text as its `code`
    (https://github.com/node-fetch/node-fetch/blob/2.x/ERROR-HANDLING.md).
    """
    if isinstance(outcome, Failure):
        code, reason = outcome.code, outcome.reason
    elif outcome.status != _OK:
        code = _GATEWAY_CODES.get(outcome.status, "EPROTO")
        reason = f"answered {outcome.status}"
    elif not isinstance(_json(outcome.body), dict | list):
        code, reason = "EPROTO", "the answer is not a JSON object or array"
    else:
        return outcome.body
    message = f"request to {dog_api.url.with_query(None)} failed, reason: {code}, {reason}"
    return orjson.dumps({"message": message, "type": "system", "errno": code, "code": code})


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
