"""Petservice as it is written first: one upstream after another, a new connection for each.

It has the same server, routes, checks and answers; `python -m bench.sequential` runs it with
petservice's environment variables.
"""

import asyncio
import sys
from collections.abc import Callable

import orjson

from httpservice.environment import Environment, Url
from httpservice.message import Request, Response, error
from httpservice.run import run
from httpservice.service import Service


async def _get(url: Url, path: str) -> object:
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(
            f"GET {url.target}{path} HTTP/1.1\r\nHost: {url.authority}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if not head.startswith(b"HTTP/1.1 200 "):
        raise OSError(head.partition(b"\r\n")[0].decode("latin-1"))
    return orjson.loads(body)


def build(environment: Environment) -> Callable[[], Service]:
    """Read where the upstreams are."""
    details = environment.required_url("PETDETAILS_URL", "http://petdetailsservice:9081")
    history = environment.required_url(
        "PETMEDICALHISTORY_URL", "http://petmedicalhistoryservice:9082"
    )
    dog_api = environment.url("DOG_API_URL", "")

    async def answer(_request: Request, pet_id: bytes) -> Response:
        pet = pet_id.decode()
        try:
            body = {
                "petDetails": await _get(details, f"/pet/{pet}/details"),
                "petMedicalHistory": await _get(history, f"/pet/{pet}/medicalhistory"),
            }
            if dog_api is not None:
                body["dogAPIResponse"] = await _get(dog_api, "")
        except (OSError, orjson.JSONDecodeError) as failure:
            return error(502, str(failure))
        return Response(200, orjson.dumps(body))

    return lambda: Service("", answer)


if __name__ == "__main__":
    sys.exit(run("sequential", 9080, build))
