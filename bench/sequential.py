"""Petservice in its simplest form: one upstream after another, with a new connection for each.

It uses the same libraries; `python -m bench.sequential` runs it with petservice's environment
variables.
"""

import sys

import orjson
from aiohttp import web
from yarl import URL

from httpservice.environment import Environment
from httpservice.run import run
from httpservice.service import Service, error, reply
from httpservice.upstream import Failure, Upstream

_OK = 200
_ANEW = {"Connection": "close"}


def build(environment: Environment) -> Service:
    """Create the service, with upstreams from the environment."""

    def upstream(url: URL) -> Upstream:
        return Upstream(url, timeout=2, proxy=None, user_agent="sequential")

    details = upstream(environment.required_url("PETDETAILS_URL", ""))
    history = upstream(environment.required_url("PETMEDICALHISTORY_URL", ""))
    dog_api = upstream(environment.required_url("DOG_API_URL", ""))

    async def answer(request: web.Request) -> web.Response:
        pet_id = request.match_info["id"]
        body: dict[str, object] = {}
        for member, service, path in (
            ("petDetails", details, f"/pet/{pet_id}/details"),
            ("petMedicalHistory", history, f"/pet/{pet_id}/medicalhistory"),
            ("dogAPIResponse", dog_api, ""),
        ):
            outcome = await service.get(path, _ANEW)
            if isinstance(outcome, Failure) or outcome.status != _OK:
                return error(502, member)
            try:
                body[member] = orjson.loads(outcome.body)
            except orjson.JSONDecodeError:
                return error(502, member)
        return reply(orjson.dumps(body))

    return Service([web.get("/pet/{id}", answer)], [details, history, dog_api])


if __name__ == "__main__":
    sys.exit(run("sequential", 9080, build))
