"""An application brought up on a real API server by its team, with the rights that it is given."""

import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pulumi.automation import CommandError, ConfigValue, PulumiCommand

from tests.engine.checkout import GOOGLE_PROJECT, Checkout, clouds, copy_checkout
from tests.engine.standins.control_plane import (
    CHARTS,
    KUBECONFIG,
    control_plane,
    kubectl,
)

USER, GROUP, NAMESPACE = "alice@example.com", "shop@example.com", "shop"
# What the team may do in its namespace, and what it may do nowhere or not elsewhere.
YES = (
    f"create deployments.apps --namespace {NAMESPACE}",
    f"delete services --namespace {NAMESPACE}",
    f"update virtualservices.networking.istio.io --namespace {NAMESPACE}",
    f"patch destinationrules.networking.istio.io --namespace {NAMESPACE}",
    f"get pods/log --namespace {NAMESPACE}",
)
NO = (
    f"get secrets --namespace {NAMESPACE}",
    f"create pods --namespace {NAMESPACE}",
    f"create pods/exec --namespace {NAMESPACE}",
    f"create rolebindings.rbac.authorization.k8s.io --namespace {NAMESPACE}",
    f"update roles.rbac.authorization.k8s.io --namespace {NAMESPACE}",
    f"update networkpolicies.networking.k8s.io --namespace {NAMESPACE}",
    f"update authorizationpolicies.security.istio.io --namespace {NAMESPACE}",
    f"update peerauthentications.security.istio.io --namespace {NAMESPACE}",
    f"create sidecars.networking.istio.io --namespace {NAMESPACE}",
    f"create serviceentries.networking.istio.io --namespace {NAMESPACE}",
    f"create envoyfilters.networking.istio.io --namespace {NAMESPACE}",
    f"delete namespaces/{NAMESPACE}",
    "get secrets --namespace istio-system",
    "update deployments.apps --namespace istio-system",
    "update gateways.networking.istio.io --namespace istio-ingress",
    "create virtualservices.networking.istio.io --namespace istio-ingress",
    "get nodes",
    "list pods --all-namespaces",
    "impersonate users",
    "create customresourcedefinitions.apiextensions.k8s.io",
    "update mutatingwebhookconfigurations.admissionregistration.k8s.io",
)


@dataclass(frozen=True)
class Apart:
    """Two stacks, and who brings them up."""

    platform: Checkout
    shop: Checkout
    platform_by_the_team: Checkout


@pytest.fixture
def apart(
    tmp_path: Path,
    command: PulumiCommand,
) -> Generator[Apart]:
    """The platform, brought up by its own team, and its application before the first up."""
    if not (plane := control_plane()):
        pytest.skip(f"{KUBECONFIG} is not set: no cluster with fake nodes")
    with clouds(plane) as real:
        copy_checkout(tmp_path, real)
        platform = Checkout(tmp_path, real, command, "platform")
        platform.stack.set_config("gcp:project", ConfigValue(GOOGLE_PROJECT))
        # What GKE alone knows isn't there.
        platform.configure(
            istioCharts=os.environ.get(CHARTS),
            metrics=None,
            ingressTls=None,
            ingressServiceType=None,
        )
        platform.up()
        by_team = replace(real, real=plane.certified(USER, GROUP))
        yield Apart(
            platform,
            Checkout(tmp_path, by_team, command, "shop"),
            Checkout(tmp_path, by_team, command, "platform"),
        )
        platform.configure(deletionProtection="false")
        platform.up()
        platform.stack.destroy()


def test_a_team_brings_its_application_up_and_nothing_else(apart: Apart) -> None:
    assert {each.op for each in apart.shop.up()} == {"create"}
    assert apart.shop.preview() == []
    apart.shop.configure(canaryWeight="25")
    [step] = apart.shop.up()
    assert (step.op, step.name) == ("update", "petdetailsservice-route")
    assert apart.shop.refresh() == []

    who = ("--as", USER, "--as-group", GROUP)
    for may, questions in (("yes", YES), ("no", NO)):
        for asked in questions:
            assert kubectl("auth", "can-i", *asked.split(), *who, check=False) == may, asked

    apart.platform.configure(accessLogs="errors")
    with pytest.raises(CommandError, match=f'"{USER}" cannot .* in the namespace "istio-system"'):
        apart.platform_by_the_team.up()
    apart.platform.configure(accessLogs=None)
    assert apart.platform.up() == []

    apart.shop.configure(deletionProtection="false")
    apart.shop.up()
    apart.shop.stack.destroy()
    assert kubectl("get", "deployments", "--namespace", NAMESPACE, "--output=name") == ""
