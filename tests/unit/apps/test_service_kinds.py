"""Services of other kinds than the pets: a second public one, one that changes things, a worker."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from petmesh.program.declaration import Declaration, ProgramError
from petmesh.ramp.stack_state import StackState
from petmesh.ramp.target import Release
from tests.unit.declared import in_namespace, manifests, spec
from tests.walkthrough.steps import copy_checkout, declared_by, made

ENTRIES: Mapping[str, Mapping[str, Any]] = {
    "shop": {
        "port": 8000,
        "public": "/shop/",
        "paths": ["/shop/{*}", "/shop/{*}/orders"],
        "methods": ["GET", "POST"],
        "calls": {"ORDERS_URL": "orders"},
        "environment": {"UPSTREAM_TIMEOUT_SECONDS": "3", "CURRENCY": "EUR"},
        "resources": {
            "requests": {"cpu": "250m", "memory": "128Mi"},
            "limits": {"cpu": 2, "memory": "1Gi"},
        },
    },
    "orders": {
        "port": 8000,
        "paths": ["/orders"],
        "methods": ["POST"],
        "versions": ["v1", "v2"],
    },
    "worker": {
        "port": 8000,
        "paths": ["/jobs"],
        "calls": {"ORDERS_URL": "orders"},
        "outside": {"dogApi": {"url": "DOGS_URL", "proxy": "DOGS_PROXY"}},
    },
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copy_checkout(tmp_path_factory.mktemp("kinds"))
    for name, entry in ENTRIES.items():
        folder = copy / "apps" / name
        folder.mkdir()
        shutil.copy(copy / "apps" / "petservice" / "Dockerfile", folder)
        (folder / "service.yaml").write_text(yaml.safe_dump(dict(entry)))
    return copy


@pytest.fixture(scope="module")
def stack(checkout: Path) -> Declaration:
    config = {
        "canaryService": "orders",
        "canaryVersion": "v2",
        "dogApiEnabled": "true",
        "egressGateway": "true",
    }
    return declared_by(checkout, config)


def identities(*names: str) -> list[str]:
    return [f"cluster.local/ns/pets/sa/{name}" for name in names]


def test_each_public_service_has_its_route_at_the_one_gateway(stack: Declaration) -> None:
    routes = in_namespace(stack, "VirtualService", "pets")
    prefixes = {
        name: route.inputs["spec"]["http"][-1]["match"][0]["uri"]["prefix"]
        for name, route in routes.items()
        if route.inputs["spec"].get("gateways")
    }
    assert prefixes == {"petservice-public": "/pet/", "shop-public": "/shop/"}
    assert len(manifests(stack, "Gateway")) == 2  # and the egress gateway's


def test_anybody_may_use_the_methods_of_the_public_services(stack: Declaration) -> None:
    [rule] = spec(stack, "AuthorizationPolicy", "istio-ingressgateway")["rules"]
    assert rule == {"to": [{"operation": {"methods": ["GET", "HEAD", "POST"]}}]}


def test_what_may_change_something_is_retried_only_where_it_reached_no_pod(
    stack: Declaration,
) -> None:
    for route in spec(stack, "VirtualService", "orders")["http"]:
        assert route["retries"]["retryOn"] == "connect-failure,refused-stream"


def test_a_service_has_every_caller_and_no_other(stack: Declaration) -> None:
    [rule] = spec(stack, "AuthorizationPolicy", "orders")["rules"]
    assert rule["from"] == [
        {
            "source": {
                "principals": [f"cluster.local/ns/pets/sa/{name}" for name in ("shop", "worker")]
            }
        }
    ]


def test_a_worker_has_no_caller_and_no_route(stack: Declaration) -> None:
    policy = spec(stack, "AuthorizationPolicy", "worker")
    assert policy == {"action": "ALLOW", "selector": {"matchLabels": {"app": "worker"}}}
    assert spec(stack, "NetworkPolicy", "worker")["ingress"] == []
    assert "worker" not in manifests(stack, "VirtualService")
    assert "worker" not in stack.outputs["releases"]


def test_every_caller_of_an_outside_host_may_use_the_egress_gateway(stack: Declaration) -> None:
    [rule] = spec(stack, "AuthorizationPolicy", "dog-api-egress")["rules"]
    assert rule["from"] == [{"source": {"principals": identities("petservice", "worker")}}]


def test_an_entry_sets_environment_and_resources(stack: Declaration) -> None:
    [container] = spec(stack, "Deployment", "shop-v1")["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables["CURRENCY"] == "EUR"
    assert variables["UPSTREAM_TIMEOUT_SECONDS"] == "3"
    assert container["resources"] == {
        "requests": {"cpu": "250m", "memory": "128Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    }


def test_no_guard_rail_has_anything_against_them(checkout: Path) -> None:
    config = "CONFIG=canaryService=orders canaryVersion=v2 dogApiEnabled=true egressGateway=true"
    assert made(checkout, "policy", config).endswith(": no violation\n")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            {"canaryService": "worker", "canaryVersion": ""},
            "canaryService = worker: must be another service: nobody calls worker, so that no ",
        ),
        (
            {"releases": '{"worker": {"canaryVersion": "v2"}}', "images": '["worker/v2=a/b:v2"]'},
            "releases.worker.canaryVersion = v2: must be empty: nobody calls worker",
        ),
    ],
)
def test_what_has_no_route_can_have_no_canary(
    checkout: Path, config: dict[str, str], told: str
) -> None:
    with pytest.raises(ProgramError) as refused:
        declared_by(checkout, config)
    [line] = str(refused.value).splitlines()
    assert line.startswith(told)


def test_a_public_service_that_others_call_has_its_weight_in_both_routes(tmp_path: Path) -> None:
    copy = copy_checkout(tmp_path)
    entry = copy / "apps/petdetailsservice/service.yaml"
    entry.write_text(f"{entry.read_text()}\npublic: /details/\n")
    stack = declared_by(copy, {"canaryVersion": "v2", "canaryWeight": "25"})
    release = stack.outputs["releases"]["petdetailsservice"]
    routes = [release["route"], *release["furtherRoutes"]]
    assert [each["name"] for each in routes] == ["petdetailsservice-public", "petdetailsservice"]
    for each in routes:
        http = stack.by_urn(each["urn"]).inputs["spec"]["http"]
        [weighted] = [rule for rule in http if rule["name"] == each["http"]]
        assert [to["weight"] for to in weighted["route"]] == [75, 25]
    state = StackState.of_declaration(stack)
    assert state.live(state.exported()) == {"petdetailsservice": Release("v1", "v2", 25)}
