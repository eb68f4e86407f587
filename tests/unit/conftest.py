"""Fixtures of all unit tests."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def no_cyclic_garbage_collection() -> Iterator[None]:
    """Scanning the SDK's many long-lived objects over and over takes a third of the tests' time."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
