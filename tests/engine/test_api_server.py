"""The `dev` stack on a real API server, by the real Kubernetes provider and Istio's real charts."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand

from tests.engine import runbook
from tests.engine.checkout import Checkout, Clouds, clouds, copy_checkout, kill, kill_all
from tests.engine.standins.control_plane import CHARTS, KUBECONFIG, control_plane


@pytest.fixture(scope="module")
def real(command: PulumiCommand) -> Generator[Clouds]:
    """Stand-ins for Google Cloud and Docker, and a cluster."""
    del command
    if not (plane := control_plane()):
        pytest.skip(f"{KUBECONFIG} is not set: no cluster with fake nodes")
    with clouds(plane) as serving:
        yield serving


Kill = Callable[[subprocess.Popen[str]], None]
ISTIOD = "--namespace istio-system --selector owner=helm,name=istiod"


@contextmanager
def checkout(real: Clouds, command: PulumiCommand, folder: Path) -> Generator[Checkout]:
    """The stack, before its first up; deleted in the end."""
    real.restore()
    copy_checkout(folder, real)
    dev = Checkout(folder, real, command)
    dev.configure(istioCharts=os.environ.get(CHARTS))
    yield dev
    dev.configure(deletionProtection="false")
    dev.up()
    dev.stack.destroy()


@pytest.fixture(scope="module")
def dev(
    real: Clouds, command: PulumiCommand, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Checkout]:
    """The stack that the tests change one after another."""
    with checkout(real, command, tmp_path_factory.mktemp("dev")) as dev:
        yield dev


@pytest.fixture
def empty(real: Clouds, command: PulumiCommand, tmp_path: Path) -> Generator[Checkout]:
    """A stack of its own."""
    with checkout(real, command, tmp_path) as empty:
        yield empty


def wait_until_there_is(objects: str) -> None:
    """Until kubectl tells of such an object."""
    watch = ["kubectl", "--kubeconfig", os.environ[KUBECONFIG], "get", "--watch", "--output=name"]
    with subprocess.Popen([*watch, *objects.split()], stdout=subprocess.PIPE) as watching:
        assert watching.stdout
        assert watching.stdout.readline()
        watching.kill()


def refused(checkout: Checkout) -> str:
    """What an up prints that fails; nothing where it doesn't."""
    up = checkout.run("pulumi up")
    return up.stdout if up.returncode else ""


def whole(checkout: Checkout) -> bool:
    """Whether an up and a refresh find nothing to do, and no operation is under way."""
    _, under_way = checkout.recorded()
    return (checkout.up(), checkout.refresh(), under_way) == ([], [], set())


def repair(checkout: Checkout) -> list[str]:
    """Follow the runbook until an up succeeds; the answers that it went by."""
    answered: list[str] = []
    checkout.run(runbook.first()).check_returncode()
    while said := refused(checkout):
        answered += [due := next(each for each in runbook.by_answer() if each in said)]
        assert answered.count(due) == 1, said
        kubectl = {"KUBECONFIG": os.environ[KUBECONFIG]}
        checkout.run(runbook.by_answer()[due], **kubectl)
    checkout.run(runbook.last()).check_returncode()
    return answered


@pytest.mark.parametrize("kill", [kill, kill_all], ids=["alone", "with its plugins"])
@pytest.mark.parametrize(
    ("created", "answer"),
    [
        (f"secrets {ISTIOD}", "cannot re-use a name that is still in use"),
        ("services --namespace pets", "already exists"),
    ],
    ids=["while a chart is installed", "while objects are created"],
)
def test_an_engine_killed_in_a_first_up_is_repaired_as_the_runbook_says(
    empty: Checkout, kill: Kill, created: str, answer: str
) -> None:
    engine = empty.started("up", "--yes", "--skip-preview")
    wait_until_there_is(created)
    kill(engine)
    assert answer in repair(empty)
    assert whole(empty)


def test_it_is_created_and_complete_in_one_up(dev: Checkout) -> None:
    assert Counter(step.op for step in dev.preview()).keys() == {"create"}
    assert Counter(step.op for step in dev.up()).keys() == {"create"}
    assert dev.up() == []
    assert dev.refresh() == []


def test_a_weight_is_one_resource(dev: Checkout) -> None:
    dev.configure(canaryWeight="25")
    assert [(step.op, step.name) for step in dev.up()] == [("update", "petdetailsservice-route")]


def test_the_way_to_the_control_plane_changes_in_place(dev: Checkout) -> None:
    for networks in ('["203.0.113.0/24"]', None):
        dev.configure(authorizedNetworks=networks)
        changed = {(step.op, step.name) for step in dev.up()}
        assert changed == {("update", "gke-cluster"), ("update", "kubernetes")}


def test_an_engine_killed_in_an_upgrade_is_repaired_as_the_runbook_says(dev: Checkout) -> None:
    dev.configure(maxReplicas="7")
    engine = dev.started("up", "--yes", "--skip-preview")
    wait_until_there_is(f"secrets {ISTIOD},status=pending-upgrade")
    kill_all(engine)
    assert repair(dev) == ["another operation (install/upgrade/rollback) is in progress"]
    assert whole(dev)
