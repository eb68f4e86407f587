"""The `dev` stack on a real API server, by the real Kubernetes provider and Istio's real charts."""

import os
from collections import Counter
from collections.abc import Generator

import pytest
from pulumi.automation import PulumiCommand

from tests.engine.checkout import Checkout, Clouds, clouds, copy_checkout
from tests.engine.standins.control_plane import CHARTS, KUBECONFIG, control_plane


@pytest.fixture(scope="module")
def real(command: PulumiCommand) -> Generator[Clouds]:
    """Stand-ins for Google Cloud and Docker, and a cluster."""
    del command
    if not (plane := control_plane()):
        pytest.skip(f"{KUBECONFIG} is not set: no cluster with fake nodes")
    with clouds(plane) as serving:
        yield serving


@pytest.fixture(scope="module")
def dev(
    real: Clouds, command: PulumiCommand, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Checkout]:
    """The stack, before its first up; deleted in the end."""
    folder = tmp_path_factory.mktemp("dev")
    copy_checkout(folder, real)
    checkout = Checkout(folder, real, command)
    checkout.configure(istioCharts=os.environ.get(CHARTS))
    yield checkout
    checkout.configure(deletionProtection="false")
    checkout.up()
    checkout.stack.destroy()


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
