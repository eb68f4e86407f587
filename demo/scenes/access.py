"""A table of requests: who sends what, and whether the mesh allows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demo.scenes.http_client import Response

# The meaning of a status in these scenes; None is a connection that fails.
_MEANING: dict[int | None, str] = {
    301: "301: to HTTPS",
    403: "403: authorization policy",
    404: "404: no such host or route",
    502: "502: not in its view",
    None: "no connection: mutual TLS only",
}


@dataclass(frozen=True)
class Attempt:
    """One request.

    Attributes:
        caller: who sent it.
        target: what it was for.
        response: None if the connection failed.
        expected: the status; None for a connection that fails.
    """

    caller: str
    target: str
    response: Response | None
    expected: int | None

    @property
    def status(self) -> int | None:
        """The response's status; None if the connection failed."""
        return self.response.status if self.response else None


COLUMNS = ("caller", "request", "result")


def rows(attempts: Sequence[Attempt]) -> tuple[tuple[str, ...], ...]:
    """Return the rows of the table."""
    return tuple(
        (each.caller, each.target, _MEANING.get(each.status, str(each.status))) for each in attempts
    )


def data(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Return the requests for machines."""
    return [
        {"caller": each.caller, "request": each.target, "status": each.status} for each in attempts
    ]


def problems(attempts: Sequence[Attempt]) -> list[str]:
    """Return one line for each unexpected result."""
    return [
        f"{each.caller}: {each.target}: {each.status or 'no connection'}, "
        f"not {each.expected or 'no connection'}"
        for each in attempts
        if each.status != each.expected
    ]
