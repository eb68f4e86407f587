"""Rehearsals side by side: no port is handed out twice before its server listens."""

import random
import socket
from contextlib import suppress

import pytest

from petmesh.host import ports
from petmesh.host.ports import LOOPBACK, Ports


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports in a narrow range are all there are."""
    # Below what the system takes ports from for others, and what a rehearsal does.
    lowest = random.randrange(10000, 19000)  # noqa: S311 (no secret)
    few = set(range(lowest, lowest + 20))

    class Narrow(Ports):
        def __init__(self) -> None:
            super().__init__()
            self._candidates = list(few)

    monkeypatch.setattr(ports, "Ports", Narrow)
    return few


def taken(from_: Ports) -> set[int]:
    found: set[int] = set()
    with suppress(OSError):
        while True:
            found.add(from_.take())
    with pytest.raises(OSError, match="no free TCP port is left"):
        from_.take()
    return found


def test_what_one_rehearsal_took_another_leaves(few: set[int]) -> None:
    mine, yours = ports.Ports(), ports.Ports()
    first = {mine.take() for _ in range(5)}
    rest = taken(yours)
    assert len(first) == 5
    assert rest
    assert rest <= few - first
    assert taken(mine) == set()


def test_what_is_listened_on_is_not_handed_out(few: set[int]) -> None:
    with socket.socket() as server:
        port = ports.Ports().take()
        server.bind((LOOPBACK, port))
        server.listen()
        left = taken(ports.Ports())
        assert left
        assert left <= few - {port}


def test_a_port_is_free_again_when_who_took_it_is_gone(few: set[int]) -> None:
    mine = ports.Ports()
    took = taken(mine)
    assert took <= few
    del mine
    assert taken(ports.Ports()) & took
