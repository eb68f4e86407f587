"""An engine that is killed in a first install, and what repairs that."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pulumi.automation import CommandError

from tests.engine import runbook
from tests.engine.checkout import GOOGLE_PROJECT, STACK, Checkout, Clouds, kill
from tests.engine.conftest import Installed
from tests.engine.standins.google import CLUSTER
from tests.engine.standins.kubernetes import RELEASE
from tests.engine.standins.protocol import Call, StandIn

# Until the last resource of a first up is there, on a busy machine.
SECONDS = 600
# So many looks at the state in a row find nothing new.
LOOKS = 3


@dataclass(frozen=True)
class Killed:
    """When the engine is killed.

    Attributes:
        at: The resource that is created then, and not recorded.
        cloud: Where.
        refused: What an up answers from then on.
        repair: What puts that right.
    """

    at: str
    cloud: Callable[[Clouds], StandIn]
    refused: str
    repair: Callable[[Checkout, Clouds], None]


def delete_the_cluster(checkout: Checkout, clouds: Clouds) -> None:
    """`gcloud container clusters delete`."""
    del checkout
    [id_] = [id_ for type_, id_ in clouds.google.made if type_ == CLUSTER]
    del clouds.google.made[CLUSTER, id_]


def import_the_cluster(checkout: Checkout, clouds: Clouds) -> None:
    """Have the state take it, as the runbook says."""
    del clouds
    commands = runbook.by_answer()["Error 409"]
    ours = {
        "PROJECT": GOOGLE_PROJECT,
        "LOCATION": "us-central1-a",
        "NAME": "petmesh",
        "STACK": STACK,
    }
    for placeholder, value in ours.items():
        commands = commands.replace(placeholder, value)
    checkout.run(commands).check_returncode()
    checkout.run(runbook.last()).check_returncode()


def delete_the_release(checkout: Checkout, clouds: Clouds) -> None:
    """`kubectl delete secret` of the release; what it holds is taken over."""
    del clouds.kubernetes.made[RELEASE, "istio-system/istiod"]
    take_over(checkout, clouds)


def take_over(checkout: Checkout, clouds: Clouds) -> None:
    """Have the provider update what is there already."""
    del clouds
    checkout.export(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true")


def wait_for_the_rest(checkout: Checkout, clouds: Clouds) -> None:
    """Until all is recorded but the one resource, and nothing else is under way."""
    looks = 0
    while looks < LOOKS:
        time.sleep(1)
        recorded, under_way = checkout.recorded()
        settled = len(under_way) == 1 and clouds.urns() - recorded == under_way
        looks = looks + 1 if settled else 0


@pytest.mark.parametrize(
    "killed",
    [
        Killed("gke-cluster", lambda it: it.google, "Error 409", delete_the_cluster),
        Killed("gke-cluster", lambda it: it.google, "Error 409", import_the_cluster),
        Killed("istiod", lambda it: it.kubernetes, "cannot re-use a name", delete_the_release),
        Killed("petservice-service", lambda it: it.kubernetes, "already exists", take_over),
    ],
    ids=lambda killed: f"{killed.at}-{killed.repair.__name__}",
)
def test_what_was_created_and_not_recorded_is_repaired(
    empty: Checkout, standins: Clouds, killed: Killed
) -> None:
    def fits(call: Call) -> bool:
        return call.verb == "create" and call.name == killed.at

    with killed.cloud(standins).held(fits) as hold:
        engine = empty.started("up", "--yes", "--skip-preview")
        assert hold.reached.wait(SECONDS), f"{killed.at} was never created"
        wait_for_the_rest(empty, standins)
        kill(engine)
    empty.stack.cancel()
    with pytest.raises(CommandError, match=killed.refused):
        empty.up()

    killed.repair(empty, standins)
    empty.up()
    empty.export(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="")
    assert {step.urn for step in empty.up() if "pulumi:providers:" not in step.urn} == set()
    assert empty.preview() == []


def test_no_file_of_the_state_can_be_left_half_written(installed: Installed) -> None:
    written = [each.suffix for each in (installed.folder / "state").rglob("*") if each.is_file()]
    assert ".json" in written
    assert ".attrs" not in written
