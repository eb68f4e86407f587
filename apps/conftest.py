"""The event loop of the services' tests: the services' own."""

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run async tests on uvloop."""
    return {"uvloop": uvloop.new_event_loop}
