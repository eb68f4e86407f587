"""A service that a user adds by docs/services.md: declared, guarded, called and released."""

from pathlib import Path

import pytest

from petmesh.program.declaration import Declaration
from tests.unit.declared import container, in_namespace, local, manifests, spec
from tests.walkthrough.steps import (
    NAME,
    add_service,
    copy_checkout,
    declared_by,
    made,
    release,
)

OPERATION = {"methods": ["GET"], "paths": ["/pet/{*}/insurance"]}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copy_checkout(tmp_path_factory.mktemp("added"))
    add_service(copy)
    return copy


@pytest.fixture(scope="module")
def added(checkout: Path) -> Declaration:
    return declared_by(checkout, {})


def test_every_object_of_a_service_follows_from_its_entry(added: Declaration) -> None:
    for kind in ("Service", "ServiceAccount", "Sidecar", "DestinationRule", "VirtualService"):
        assert NAME in manifests(added, kind), kind
    for kind in ("Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert f"{NAME}-v1" in manifests(added, kind), kind
    assert added.outputs["images"][NAME].keys() == {"v1"}
    image = added.one("docker:index/image:Image", f"{NAME}-v1-image").inputs
    assert image["build"]["dockerfile"] == f"apps/{NAME}/Dockerfile"


def test_petservice_alone_may_call_it(added: Declaration) -> None:
    assert spec(added, "AuthorizationPolicy", NAME)["rules"] == [
        {
            "from": [{"source": {"principals": ["cluster.local/ns/pets/sa/petservice"]}}],
            "to": [{"operation": OPERATION}],
        }
    ]
    [ingress] = spec(added, "NetworkPolicy", NAME)["ingress"]
    [peer] = ingress["from"]
    assert peer["podSelector"] == {"matchLabels": {"app": "petservice"}}
    host = f"./{NAME}.pets.svc.cluster.local"
    for name, sidecar in in_namespace(added, "Sidecar", "pets").items():
        hosts = sidecar.inputs["spec"]["egress"][0]["hosts"]
        assert (host in hosts) == (name in ("petservice", NAME)), name


def test_petservice_is_told_its_url(added: Declaration) -> None:
    variables = {each["name"]: each["value"] for each in container(added, "petservice-v1")["env"]}
    assert variables["PETINSURANCE_URL"] == f"http://{NAME}:9083"


def test_nothing_else_changes(added: Declaration) -> None:
    before = {each.urn: each.inputs for each in local().resources}
    after = {each.urn: each.inputs for each in added.resources}
    assert not before.keys() - after.keys()
    changed = {urn.rpartition("::")[2] for urn in before if before[urn] != after[urn]}
    assert changed == {
        "pets-petservice-sidecar",
        "pets-petservice-traffic",
        "petservice-v1-deployment",
    }


def test_its_second_version_is_released_as_a_canary(checkout: Path) -> None:
    released = declared_by(checkout, release())
    assert f"{NAME}-v2" in manifests(released, "Deployment")
    [testers, weighted] = spec(released, "VirtualService", NAME)["http"]
    assert testers["route"][0]["destination"]["subset"] == "v2"
    assert [each["weight"] for each in weighted["route"]] == [75, 25]
    assert released.outputs["weights"] == {"v1": 75, "v2": 25}
    moved = declared_by(checkout, {**release(), "canaryWeight": "50"})
    before = {each.urn: each.inputs for each in released.resources}
    assert [each.name for each in moved.resources if before[each.urn] != each.inputs] == [
        f"{NAME}-route"
    ]


def test_an_sbom_is_made_of_it(checkout: Path) -> None:
    assert NAME in made(checkout, "--dry-run", "--silent", "sbom")
