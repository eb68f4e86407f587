"""Run the service: `python -m petdetailsservice`."""

import asyncio
import random
import sys
from pathlib import Path

import orjson
from aiohttp import web

from httpservice.environment import Environment, SettingError
from httpservice.run import run
from httpservice.service import Service, error, reply

VERSIONS = Path(__file__).parent / "versions"


def build(environment: Environment) -> Service:
    """Make a service that gives its version's details, whatever the pet.

    FAULT_ERROR_PERCENT of the requests, 0 to 100, are answered 500, and every answer is held
    back for FAULT_DELAY_MILLISECONDS, 0 to 60,000: a bad version, to try a mesh with.
    """
    details = _details(environment)
    error_share = environment.number("FAULT_ERROR_PERCENT", 0, 0, 100) / 100
    delay = environment.number("FAULT_DELAY_MILLISECONDS", 0, 0, 60_000) / 1000

    async def answer(_request: web.Request) -> web.Response:
        if delay:
            await asyncio.sleep(delay)
        if error_share and random.random() < error_share:  # noqa: S311 - a share, not a secret
            return error(500, "injected fault")
        return reply(details)

    return Service([web.get("/pet/{id}/details", answer)])


def _details(environment: Environment) -> bytes:
    known = sorted(file.stem for file in VERSIONS.glob("*.json"))
    version = environment.choice("SERVICE_VERSION", "v1", known)
    file = VERSIONS / f"{version}.json"
    try:
        details = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as failure:
        raise SettingError(f"SERVICE_VERSION = {version!r}: {file}: {failure}") from None
    if not isinstance(details, dict):
        raise SettingError(f"SERVICE_VERSION = {version!r}: {file}: must hold a JSON object")
    return orjson.dumps(details)


if __name__ == "__main__":
    sys.exit(run("petdetailsservice", 9081, build))
