"""Run the service: `python -m petmedicalhistoryservice`."""

import sys

import orjson
from aiohttp import web

from httpservice.environment import Environment
from httpservice.run import run
from httpservice.service import Service, reply

_HISTORY = orjson.dumps(
    {"vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"]},
)


def build(_environment: Environment) -> Service:
    """Make a service that gives the one history there is, whatever the pet."""

    async def history(_request: web.Request) -> web.Response:
        return reply(_HISTORY)

    return Service([web.get("/pet/{id}/medicalhistory", history)])


if __name__ == "__main__":
    sys.exit(run("petmedicalhistoryservice", 9082, build))
