"""Expectations against a live mesh: by its ingress's address, and from pods of callers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.live.outside import Address
from petmesh.expectations.live.suite import Access, run
from petmesh.expectations.model import Expectation, read_expectations
from petmesh.expectations.output import misses, skipped
from petmesh.expectations.suite import Suite
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.rehearse import running
from petmesh.rehearsal.runtime import Runtime
from tests.traffic import kubectl_stand_in

pytestmark = pytest.mark.envoy
BOOKINFO = ROOT / "examples" / "bookinfo"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} {kubectl_stand_in.__file__} "$@"\n')
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    return tmp_path


def behave(folder: Path, **how: bool) -> None:
    (folder / "behaviour.json").write_text(json.dumps(how))


def pods(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in folder.glob("petmesh-test-*.json")]


def commands(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "commands.jsonl").read_text().splitlines()]


def lead(runtime: Runtime, folder: Path) -> None:
    """Lead the pods' requests to the rehearsal: by the sidecar of their account, or past it."""
    callers = {
        f"bookinfo-{pod.workload.partition('-')[0]}": f'proxy = "{pod.forward_proxy}"'
        for pod in runtime.pods
    }
    [ratings] = [pod for pod in runtime.pods if pod.workload == "ratings-v1"]
    callers["default"] = f'connect-to = "::127.0.0.1:{ratings.inbound(9080)}"'
    (folder / "callers.json").write_text(json.dumps(callers))


async def asked(
    folder: Path, expectations: Sequence[Expectation], *, context: str = "test"
) -> Suite:
    read = read_input((str(BOOKINFO),), "")
    async with running(read) as runtime:
        lead(runtime, folder)
        [entrance] = runtime.entrances
        access = Access(Address("127.0.0.1", entrance.port), context=context)
        return await run(read, expectations, access)


def test_a_whole_mesh_is_asked_from_outside_and_from_its_callers(stand_in: Path) -> None:
    suite = asyncio.run(asked(stand_in, read_expectations(BOOKINFO)))
    assert list(misses(suite)) == []
    assert [line.rpartition(": skipped ")[2] for line in skipped(suite)] == [
        "workload: only a rehearsal's proxies tell",
        "share: only a rehearsal's proxies tell",
        "version: only a rehearsal's proxies tell",
        "faults: nothing is broken in a cluster",
    ]
    assert suite.skipped == 1
    statuses = {result.question.title: dict(result.answered) for result in suite.results}
    assert statuses["details is the product page's alone"] == {"403": 1}
    assert statuses["without an identity there is no connection"] == {"0": 1}
    assert statuses["a fifth of the reviews is v3's"] == {"200": 400}
    made = [each for each in commands(stand_in) if each[2] == "create"]
    assert len(made) == 3
    assert {each[0] for each in commands(stand_in)} == {"--context=test"}
    assert pods(stand_in) == []


def one(source: str, url: str, **expect: Any) -> Expectation:  # noqa: ANN401 (data)
    return Expectation.model_validate({"from": source, "url": url, "expect": expect})


RATINGS = one("reviews-v1", "http://ratings:9080/", status=200)


def test_what_comes_otherwise_is_a_miss(stand_in: Path) -> None:
    wrong = [
        one("outside", "http://bookinfo.example.com/login", status=404),
        one("productpage-v1", "http://details:9080/", body={"workload": "none"}),
    ]
    suite = asyncio.run(asked(stand_in, wrong))
    assert suite.failed == 2
    assert next(misses(suite)).endswith("status 404 expected, got 200")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("refuses", "kubectl create: Error from server (Forbidden): pods is forbidden"),
        ("injects_nothing", "the pod got no sidecar, so its requests would have no identity"),
        ("never_deletes", "no right to delete pods in default, so none is created"),
        (
            "waits",
            "kubectl wait: error: timed out waiting for the condition; ErrImagePull: no such image",
        ),
        ("runs_nothing", "kubectl exec: error: unable to upgrade connection: forbidden"),
    ],
)
def test_a_pod_that_is_not_what_it_must_be_is_a_miss_and_deleted(
    stand_in: Path, how: str, why: str
) -> None:
    behave(stand_in, **{how: True})
    suite = asyncio.run(asked(stand_in, [RATINGS]))
    assert list(misses(suite)) == [f"{RATINGS.title}: not asked: {why}"]
    assert pods(stand_in) == []


def test_a_pod_that_is_left_is_named(stand_in: Path) -> None:
    behave(stand_in, keeps=True)
    with pytest.raises(NotAskedError, match=r"pod default/petmesh-test-\w{8} is left, for 600 s"):
        asyncio.run(asked(stand_in, [RATINGS]))


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_deletes_its_pod(stand_in: Path, number: signal.Signals) -> None:
    behave(stand_in, hangs=True)
    (stand_in / "callers.json").write_text("{}")
    options = ["--target", "cluster", "--allow-pods", "test", "--only", "ratings is"]
    process = subprocess.Popen(
        [sys.executable, "-m", "petmesh", "test", str(BOOKINFO), *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any(each[2] == "exec" for each in commands_so_far(stand_in)))
    assert len(pods(stand_in)) == 1
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "petmesh: stopped\n")
    assert pods(stand_in) == []


def commands_so_far(folder: Path) -> list[list[str]]:
    return commands(folder) if (folder / "commands.jsonl").is_file() else []
