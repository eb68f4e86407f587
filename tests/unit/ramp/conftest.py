"""The stack that every command finds, in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from petmesh.ramp import locations, ramping, services
from petmesh.ramp.options import Options
from petmesh.ramp.targets import OpenTarget
from tests.unit.ramp.fakes import FakeTarget


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """The stack that every command finds."""
    found = FakeTarget()
    monkeypatch.setattr(locations, "STATE", tmp_path / "state")
    monkeypatch.setattr(locations, "LOCKS", tmp_path / "locks")

    def open_cluster(options: Options) -> FakeTarget:
        found.choose(options.service, options.group)
        return found

    @asynccontextmanager
    async def cluster_of(options: Options) -> AsyncGenerator[FakeTarget]:
        yield open_cluster(options)

    @asynccontextmanager
    async def loaded(_: Options, cluster: FakeTarget) -> AsyncGenerator[OpenTarget]:
        yield OpenTarget(cluster)

    monkeypatch.setattr(services, "open_cluster", open_cluster)
    monkeypatch.setattr(ramping, "cluster_of", cluster_of)
    monkeypatch.setattr(ramping, "loaded", loaded)
    return found
