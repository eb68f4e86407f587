"""Answers for a pet from three upstreams, asked at the same time."""

import orjson

from httpservice.message import Request, Response, error
from httpservice.upstream import Answer, Failure, Upstream
from petservice.forwarding import forwarded

MAX_FORWARDED_BYTES = 8 * 1024
_OK = 200
_GATEWAY_CODES = {502: "ECONNRESET", 503: "ECONNRESET", 504: "ETIMEDOUT"}


class Pets:
    """Puts a pet's answer together.

    Args:
        details: petdetailsservice.
        history: petmedicalhistoryservice.
        dog_api: the public API, or None to leave its part out.
        dog_api_name: its address, as error objects give it.
    """

    def __init__(
        self, details: Upstream, history: Upstream, dog_api: Upstream | None, dog_api_name: str
    ) -> None:
        self._details = details
        self._history = history
        self._dog_api = dog_api
        self._dog_api_name = dog_api_name

    async def answer(self, request: Request, pet_id: bytes) -> Response:
        """Answer `GET /pet/{id}`.

        Without one of the two services there is no answer but a 502, or a 504 where it took too
        long, that names the service. Without the dog API an error object takes its part.

        What is passed on stays far below the limit of the services' own servers and sidecars,
        which add headers to it: their 431 would be a 502 here.
        """
        headers = forwarded(request.headers)
        if len(headers) > MAX_FORWARDED_BYTES:
            return error(431, f"headers to pass on over {MAX_FORWARDED_BYTES} bytes")
        asked_details = self._details.get(b"/pet/%b/details" % pet_id, headers)
        asked_history = self._history.get(b"/pet/%b/medicalhistory" % pet_id, headers)
        asked_dog = self._dog_api.get() if self._dog_api is not None else None

        upstream_ms: dict[str, float] = {}
        details = _object("petdetailsservice", await asked_details, upstream_ms)
        if isinstance(details, Response):
            return details
        history = _object("petmedicalhistoryservice", await asked_history, upstream_ms)
        if isinstance(history, Response):
            return history
        parts = b'"petDetails":%b,"petMedicalHistory":%b' % (details, history)
        if asked_dog is not None:
            dog = await asked_dog
            upstream_ms["dogAPI"] = dog.milliseconds
            parts += b',"dogAPIResponse":%b' % self._dog_part(dog)
        return Response(_OK, b"{%b}" % parts, upstream_ms=upstream_ms)

    def _dog_part(self, outcome: Answer | Failure) -> bytes:
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
        message = f"request to {self._dog_api_name} failed, reason: {code}, {reason}"
        return orjson.dumps({"message": message, "type": "system", "errno": code, "code": code})


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _object(
    service: str, outcome: Answer | Failure, upstream_ms: dict[str, float]
) -> bytes | Response:
    """Give the JSON object that a service answered, or the error that says why there is none."""
    upstream_ms[service] = outcome.milliseconds
    status = 502
    if isinstance(outcome, Failure):
        reason = f"{outcome.code}, {outcome.reason}"
        status = 504 if outcome.code == "ETIMEDOUT" else 502
    elif outcome.status != _OK:
        reason = f"answered {outcome.status}"
        status = 504 if outcome.status == 504 else 502  # noqa: PLR2004
    elif not isinstance(_json(outcome.body), dict):
        reason = "the answer is not a JSON object"
    else:
        return outcome.body
    failure = error(status, f"{service}: {reason}", service=service)
    return failure._replace(upstream_ms=upstream_ms)
