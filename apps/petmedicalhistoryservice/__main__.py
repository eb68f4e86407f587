"""Run the service: `python -m petmedicalhistoryservice`."""

import sys
from collections.abc import Callable

import orjson

from httpservice.environment import Environment
from httpservice.message import Request, Response
from httpservice.run import run
from httpservice.service import Service

_HISTORY = Response(
    200, orjson.dumps({"vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"]})
)


def build(_environment: Environment) -> Callable[[], Service]:
    """Make a service that gives the one history there is, whatever the pet."""

    def history(_request: Request, _pet_id: bytes) -> Response:
        return _HISTORY

    return lambda: Service("/medicalhistory", history)


if __name__ == "__main__":
    sys.exit(run("petmedicalhistoryservice", 9082, build))
