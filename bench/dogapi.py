"""A stand-in for the dog API, on the services' own server: `python -m bench.dogapi`."""

import sys
from collections.abc import Callable

from httpservice.environment import Environment
from httpservice.message import Request, Response
from httpservice.run import run
from httpservice.service import Service

_DOGS = Response(
    200, b'[{"id":"abc","url":"https://example.com/abc.jpg","width":1200,"height":800}]'
)


def build(_environment: Environment) -> Callable[[], Service]:
    """Answer `GET /pet/{id}/dogs` with one picture."""

    def answer(_request: Request, _pet_id: bytes) -> Response:
        return _DOGS

    return lambda: Service("/dogs", answer)


if __name__ == "__main__":
    sys.exit(run("dogapi", 9083, build))
