"""Istio upgraded by revision through the real engine, and back, by config alone."""

import json
from collections.abc import Mapping

from tests.engine.checkout import Checkout, Clouds, Step

OLD, NEW = "1.30.4", "1.31.1"
RELEASE = "kubernetes:helm.sh/v3:Release"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
INGRESS = {("update", "istio-ingress"), ("update", "istio-ingressgateway")}
Changes = set[tuple[str, str]]
Config = Mapping[str, str | None]


def changes(steps: list[Step]) -> Changes:
    return {(step.op, step.name) for step in steps}


def moved(*namespaces: str) -> Config:
    return {"istioCanaryNamespaces": json.dumps(namespaces) if namespaces else None}


def up(dev: Checkout, config: Config) -> Changes:
    """What an up changes after some keys were set."""
    dev.configure(**config)
    return changes(dev.up())


def calls(clouds: Clouds) -> list[tuple[str, str]]:
    """What was done in the cluster, in its order."""
    return [(call.verb, call.name) for call in clouds.kubernetes.calls]


def deployments(clouds: Clouds) -> set[str]:
    there = [made.urn for (type_, _), made in clouds.kubernetes.made.items() if type_ == DEPLOYMENT]
    return {urn.rpartition("::")[2] for urn in there}


def istiods(clouds: Clouds) -> set[str]:
    of_system = "istio-system/istiod"
    return {id_ for type_, id_ in clouds.kubernetes.made if type_ == RELEASE and of_system in id_}


def pods(clouds: Clouds) -> Changes:
    """That the services' namespace is moved, and with it its pods."""
    moving = {("update", "pets-namespace"), *(("update", each) for each in deployments(clouds))}
    assert len(moving) == 5
    return moving


def test_each_step_of_an_upgrade_by_revision_is_small(dev: Checkout, standins: Clouds) -> None:
    up(dev, {"istioVersion": OLD})
    assert up(dev, {"istioCanaryVersion": NEW}) == {
        ("create", "istiod-1-31-1"),
        ("update", "istio-base"),
    }
    assert up(dev, moved("pets")) == pods(standins)
    assert up(dev, moved("pets", "istio-ingress")) == INGRESS
    done = {"istioVersion": NEW, "istioUpgrades": "byRevision", "istioCanaryVersion": None}
    assert up(dev, {**done, **moved()}) == {
        ("delete", "istiod"),
        ("update", "istio-base"),
        ("update", "istio-cni"),
    }
    assert istiods(standins) == {"istio-system/istiod-1-31-1"}
    assert dev.preview() == []


def test_each_step_goes_back(dev: Checkout, standins: Clouds) -> None:
    up(dev, {"istioVersion": OLD, "istioCanaryVersion": NEW, **moved("pets", "istio-ingress")})
    assert istiods(standins) == {"istio-system/istiod", "istio-system/istiod-1-31-1"}
    assert up(dev, moved("pets")) == INGRESS
    assert up(dev, moved()) == pods(standins)
    assert up(dev, {"istioCanaryVersion": None}) == {
        ("delete", "istiod-1-31-1"),
        ("update", "istio-base"),
    }
    assert istiods(standins) == {"istio-system/istiod"}
    assert dev.preview() == []


def test_in_one_up_the_new_istiod_is_first_and_the_old_one_goes_last(
    dev: Checkout, standins: Clouds
) -> None:
    dev.configure(istioUpgrades="byRevision")
    dev.up()
    done = calls(standins)
    assert done[-1] == ("delete", "istiod")
    created = done.index(("create", "istiod-1-31-1"))
    assert all(created < done.index(each) for each in (*INGRESS, *pods(standins)))
    assert dev.preview() == []
