"""A load of the ramp's own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from yarl import URL

from petmesh.cli.app import main
from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.options import RampOptions
from petmesh.ramp.target import UsageError
from petmesh.ramp.targets import check_place, loaded
from petmesh.ramp.traffic import Traffic
from tests.unit.ramp.commanded import PLAN
from tests.unit.ramp.fakes import FakeTarget


class Ingress:
    """What arrives; every tenth request is answered with 503, or nothing is where it hangs."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.agents: set[str] = set()
        self.hangs = False

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.agents.add(request.headers["User-Agent"])
        if self.hangs:
            await asyncio.sleep(60)
        return web.Response(status=503 if len(self.paths) % 10 == 0 else 200)

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[URL]:
        application = web.Application()
        application.router.add_get("/{path:.*}", self.answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}/pet/123")
        finally:
            await runner.cleanup()


async def until(traffic: Traffic, requests: int) -> None:
    async with asyncio.timeout(30):
        while traffic.sent < requests:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_load_is_counted_with_what_failed_and_names_itself() -> None:
    ingress = Ingress()
    async with ingress.served() as url:
        async with Traffic(url, 200) as traffic:
            await until(traffic, 100)
        assert len(ingress.paths) <= traffic.sent <= len(ingress.paths) + 8
    assert traffic.failed >= 9
    assert set(ingress.paths) == {"/pet/123"}
    assert ingress.agents == {"petmesh-load"}
    assert str(traffic).startswith("load of its own: ")


async def test_slow_answers_get_no_fewer_requests_up_to_a_bound() -> None:
    ingress = Ingress()
    ingress.hangs = True
    async with ingress.served() as url, Traffic(url, 2000) as traffic:
        async with asyncio.timeout(30):
            while not traffic.skipped:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert traffic.sent == 256
        assert "not sent for want of answers" in str(traffic)


async def test_where_nobody_listens_every_request_failed() -> None:
    async with Traffic(URL("http://127.0.0.1:1/"), 200) as traffic:
        await until(traffic, 20)
        await asyncio.sleep(0.1)
    assert traffic.failed >= 20


class Cluster(FakeTarget):
    """A stack whose output is the ingress."""

    address = ""

    async def url(self) -> str:
        return self.address


async def test_the_load_asks_the_stacks_own_address() -> None:
    ingress, fake = Ingress(), Cluster()
    cluster = cast("ClusterTarget", fake)
    async with ingress.served() as url:
        fake.address = str(url.origin())
        for path, asked in (("", "/pet/123"), ("/pet/9", "/pet/9")):
            async with loaded(RampOptions(load=100, load_path=path), cluster) as place:
                assert place.traffic is not None
                await until(place.traffic, 5)
                await asyncio.sleep(0.1)
            assert ingress.paths[-1] == asked
    fake.address = ""
    for options in (
        RampOptions(load=1),
        RampOptions(load=1, load_url="ftp://x"),
        RampOptions(load=1, load_url="http://x", load_path="pet"),
    ):
        with pytest.raises(UsageError, match="--load"):
            async with loaded(options, cluster):
                pass
    with pytest.raises(UsageError, match="--load"):
        check_place(RampOptions(load=1, target="rehearsal"))


@pytest.mark.parametrize("rate", ["50", "0/s", "fast", "-1/s", "1e9/s"])
def test_what_is_no_rate_is_a_mistake(
    rate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ramp", "--journal", str(tmp_path), *PLAN, "--load", rate]) == 2
    assert f"--load = {rate}: must be requests a second, as 50/s" in capsys.readouterr().err
