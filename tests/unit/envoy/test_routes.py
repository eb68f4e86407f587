"""Routes as istiod would make them."""

from typing import Any

import pytest

from petmesh.envoy.callers import Caller
from petmesh.envoy.route_action import retry_policy
from petmesh.envoy.routes import gateway_routes, outbound_routes
from petmesh.mesh.istio.virtual_service import HttpRetry
from petmesh.mesh.mesh import Mesh
from tests.unit.mesh.meshes import DETAILS, DOG_API, INGRESS, PETS, changed, mesh


def host(of: Mesh, name: str, namespace: str = "pets") -> Any:  # noqa: ANN401 (data)
    (found,) = (
        h for h in outbound_routes(of, Caller(namespace, {}))["virtual_hosts"] if h["name"] == name
    )
    return found


def weighted(of: Mesh) -> Any:  # noqa: ANN401 (data)
    return host(of, f"{DETAILS}:9081")["routes"][-1]["route"]


def test_a_weight_becomes_weighted_clusters() -> None:
    assert weighted(mesh(canaryWeight="25"))["weighted_clusters"] == {
        "clusters": [
            {"name": f"outbound|9081|v1|{DETAILS}", "weight": 75},
            {"name": f"outbound|9081|v2|{DETAILS}", "weight": 25},
        ]
    }


@pytest.mark.parametrize(("weight", "version"), [("0", "v1"), ("100", "v2")])
def test_a_destination_of_weight_0_is_dropped(weight: str, version: str) -> None:
    (only,) = weighted(mesh(canaryWeight=weight))["weighted_clusters"]["clusters"]
    assert only == {"name": f"outbound|9081|{version}|{DETAILS}", "weight": 100}


def test_a_mirror_is_a_policy_of_the_weighted_route_alone() -> None:
    mirrored = mesh(canaryMirrorPercent="20")
    [policy] = weighted(mirrored)["request_mirror_policies"]
    assert policy["cluster"] == f"outbound|9081|v2|{DETAILS}"
    fraction = policy["runtime_fraction"]["default_value"]
    assert fraction == {"numerator": 200_000, "denominator": "MILLION"}
    *testers, _ = host(mirrored, f"{DETAILS}:9081")["routes"]
    assert testers
    assert not any("request_mirror_policies" in route["route"] for route in testers)


def test_a_mirror_without_a_percentage_is_of_every_request() -> None:
    def mirror(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"][-1]["mirror"] = {"host": "petdetailsservice", "subset": "v2"}

    [policy] = weighted(changed("VirtualService", "petdetailsservice", mirror))[
        "request_mirror_policies"
    ]
    assert policy["runtime_fraction"]["default_value"]["numerator"] == 1_000_000


def test_weights_are_taken_as_declared_even_where_they_add_up_to_something_else() -> None:
    def unbalance(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"][-1]["route"][0]["weight"] = 300

    clusters = weighted(
        changed("VirtualService", "petdetailsservice", unbalance, canaryWeight="25")
    )
    assert [c["weight"] for c in clusters["weighted_clusters"]["clusters"]] == [300, 25]


def test_a_single_destination_needs_no_weight() -> None:
    def single(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"] = [{"route": [{"destination": {"host": "petdetailsservice"}}]}]

    route = weighted(changed("VirtualService", "petdetailsservice", single))
    assert route["cluster"] == f"outbound|9081||{DETAILS}"
    assert route["timeout"] == "0s"


def test_testers_come_before_the_weights() -> None:
    header, cookie, rest = host(mesh(), f"{DETAILS}:9081")["routes"]
    (named,) = header["match"]["headers"]
    assert named["name"] == "x-canary"
    assert "always" in named["string_match"]["safe_regex"]["regex"]
    (matched,) = cookie["match"]["headers"]
    assert matched["name"] == "cookie"
    assert "canary=always" in matched["string_match"]["safe_regex"]["regex"]
    assert header["route"]["cluster"] == cookie["route"]["cluster"] == f"outbound|9081|v2|{DETAILS}"
    assert rest["match"] == {"prefix": "/"}


def test_every_form_of_a_services_name_carries_its_port() -> None:
    assert host(mesh(), f"{DETAILS}:9081")["domains"] == [
        f"{DETAILS}:9081",
        f"{DETAILS}.:9081",
        "petdetailsservice.pets.svc:9081",
        "petdetailsservice.pets:9081",
        "petdetailsservice:9081",
    ]


def test_from_another_namespace_a_short_name_means_nothing() -> None:
    assert "petservice:9080" not in host(mesh(), f"{PETS}:9080", "elsewhere")["domains"]


def test_an_unknown_host_gets_502() -> None:
    block = outbound_routes(mesh(), Caller("pets", {}))["virtual_hosts"][-1]
    assert block["domains"] == ["*"]
    assert block["routes"][0]["direct_response"] == {"status": 502}


def test_an_outside_host_is_there_only_when_it_is_declared() -> None:
    names = [h["name"] for h in outbound_routes(mesh(), Caller("pets", {}))["virtual_hosts"]]
    assert f"{DOG_API}:80" not in names
    opened = host(mesh(dogApiEnabled="true"), f"{DOG_API}:80")
    assert DOG_API in opened["domains"]
    assert f"{DOG_API}:80" in opened["domains"]


def test_the_gateway_serves_what_its_virtual_service_exposes_and_nothing_else() -> None:
    (only,) = gateway_routes(mesh(), INGRESS, 80)["virtual_hosts"]
    assert only["domains"] == ["pets.localhost"]
    assert [route["match"]["prefix"] for route in only["routes"]] == ["/pet/"]
    assert only["routes"][0]["route"]["cluster"] == f"outbound|9080|v1|{PETS}"


def test_a_gateway_of_other_pods_serves_nothing() -> None:
    def elsewhere(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["selector"] = {"istio": "another"}

    routes = gateway_routes(changed("Gateway", "petmesh", elsewhere), INGRESS, 80)
    assert routes["virtual_hosts"] == [{"name": "blackhole:80", "domains": ["*"]}]


def test_a_virtual_service_that_names_no_gateway_is_not_public() -> None:
    def inside(inputs: Any) -> None:  # noqa: ANN401 (data)
        del inputs["spec"]["gateways"]

    routes = gateway_routes(changed("VirtualService", "petservice-public", inside), INGRESS, 80)
    assert routes["virtual_hosts"] == [{"name": "blackhole:80", "domains": ["*"]}]


def policy(**fields: object) -> Any:  # noqa: ANN401 (data)
    return retry_policy(HttpRetry.read(fields, "retries"))


def test_without_a_declared_policy_istiods_own_holds() -> None:
    default = retry_policy(None)
    assert default is not None
    assert default["num_retries"] == 2
    assert default["retry_on"] == (
        "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    )
    assert default["host_selection_retry_max_attempts"] == "5"
    assert default["retry_host_predicate"][0]["name"] == (
        "envoy.retry_host_predicates.previous_hosts"
    )


def test_no_attempts_mean_no_retries() -> None:
    assert policy(attempts=0) is None


def test_a_declared_policy_keeps_istiods_choice_of_another_host() -> None:
    declared = policy(attempts=3, perTryTimeout="0.5s", retryOn="5xx")
    assert declared["num_retries"] == 3
    assert declared["per_try_timeout"] == "0.5s"
    assert declared["retry_on"] == "5xx"
    assert declared["retry_host_predicate"]


def test_status_codes_in_retry_on_become_retriable_status_codes() -> None:
    declared = policy(attempts=1, retryOn="gateway-error, 429,503")
    assert declared["retry_on"] == "gateway-error,retriable-status-codes"
    assert declared["retriable_status_codes"] == [429, 503]


def test_previous_hosts_may_be_tried_again_where_it_is_said() -> None:
    assert "retry_host_predicate" not in policy(attempts=1, retryIgnorePreviousHosts=False)
