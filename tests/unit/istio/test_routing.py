"""Routes and destinations: weights, testers, subsets, deadlines, retries, limits."""

import re
from typing import Any

import pytest

from petmesh.program.declaration import Declaration
from settings import ROOT
from tests.unit.declared import container, local, manifests, spec

DETAILS = "petdetailsservice.pets.svc.cluster.local"


def rules(stack: Declaration, service: str = "petdetailsservice") -> Any:  # noqa: ANN401 (data)
    """The rules of a service's route, by name, in their order."""
    return {rule["name"]: rule for rule in spec(stack, "VirtualService", service)["http"]}


def shares(rule: Any) -> dict[str, int]:  # noqa: ANN401 (data)
    """The percent of each subset in a rule."""
    return {each["destination"]["subset"]: each["weight"] for each in rule["route"]}


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s)", duration, re.ASCII).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return float(number) / (1000 if unit == "ms" else 1)


# Weights


@pytest.mark.parametrize("weight", [0, 25, 100])
def test_the_canary_gets_its_weight_and_the_stable_version_the_rest(weight: int) -> None:
    stack = local(canaryWeight=str(weight))
    assert shares(rules(stack)["weighted"]) == {"v1": 100 - weight, "v2": weight}
    assert stack.outputs["weights"] == {"v1": 100 - weight, "v2": weight}


def test_without_a_canary_there_is_one_destination_and_no_route_for_testers() -> None:
    stack = local(canaryVersion="")
    assert rules(stack).keys() == {"weighted"}
    assert shares(rules(stack)["weighted"]) == {"v1": 100}
    assert stack.outputs["weights"] == {"v1": 100}


def test_the_versions_can_swap_their_parts() -> None:
    stack = local(stableVersion="v2", canaryVersion="v1")
    assert shares(rules(stack)["weighted"]) == {"v2": 100, "v1": 0}
    assert shares(rules(stack)["testers"]) == {"v1": 100}


@pytest.mark.parametrize("config", [{}, {"canaryVersion": ""}, {"canaryWeight": "25"}])
def test_every_weighted_rule_adds_up_to_100(config: dict[str, str]) -> None:
    stack = local(**config)
    for service in ("petdetailsservice", "petmedicalhistoryservice"):
        for rule in rules(stack, service).values():
            assert sum(shares(rule).values()) == 100


def test_the_route_is_for_the_service_by_its_whole_name() -> None:
    assert spec(local(), "VirtualService", "petdetailsservice")["hosts"] == [DETAILS]
    for rule in rules(local()).values():
        assert {each["destination"]["host"] for each in rule["route"]} == {DETAILS}


# Mirror


def test_the_canary_gets_copies_of_the_weighted_requests_alone() -> None:
    stack = local(canaryMirrorPercent="20")
    mirrored = rules(stack)["weighted"]
    assert mirrored["mirror"] == {"host": DETAILS, "subset": "v2"}
    assert mirrored["mirrorPercentage"] == {"value": 20}
    assert shares(mirrored) == {"v1": 100, "v2": 0}
    assert "mirror" not in rules(stack)["testers"]


def test_without_a_percent_nothing_is_mirrored() -> None:
    assert "mirror" not in rules(local())["weighted"]
    assert "mirrorPercentage" not in rules(local())["weighted"]


# Testers


def pattern(header: str) -> str:
    [found] = [
        match["headers"][header]["regex"]
        for match in rules(local())["testers"]["match"]
        if header in match["headers"]
    ]
    return found


def cookie_pattern() -> str:
    return pattern("cookie")


@pytest.mark.parametrize("weight", ["0", "25", "100"])
def test_testers_get_the_canary_whatever_its_weight(weight: str) -> None:
    names = list(rules(local(canaryWeight=weight)))
    assert names == ["testers", "weighted"], "the first rule that matches wins"
    assert shares(rules(local(canaryWeight=weight))["testers"]) == {"v2": 100}


def test_a_header_or_a_cookie_makes_a_tester() -> None:
    matches = rules(local())["testers"]["match"]
    assert matches == [
        {"headers": {"x-canary": {"regex": pattern("x-canary")}}},
        {"headers": {"cookie": {"regex": cookie_pattern()}}},
    ]


@pytest.mark.parametrize(
    "cookies",
    [
        "canary=always",
        "canary=always;",
        "canary=always; session=1",
        "session=1; canary=always",
        "session=1;canary=always",
        "a=1; b=2; canary=always; c=3",
        "a=1;  canary=always",
        "theme=canary; canary=always",
        "canary=never; canary=always",
    ],
)
def test_the_cookie_is_found_among_others(cookies: str) -> None:
    assert re.fullmatch(cookie_pattern(), cookies)


@pytest.mark.parametrize(
    "cookies",
    [
        "",
        "canary",
        "canary=",
        "canary=never",
        "canary=Always",
        "Canary=always",
        "canary=always2",
        "canary=always-not",
        "canary= always",
        "notcanary=always",
        "my-canary=always",
        "x=canary=always",
        "session=1 canary=always",
        "session=1, canary=always",
        "other=always; canary=no",
    ],
)
def test_no_other_cookie_makes_a_tester(cookies: str) -> None:
    assert not re.fullmatch(cookie_pattern(), cookies)


@pytest.mark.parametrize(
    "values", ["always", "always, always", "always,always", "never, always", "always ,never"]
)
def test_a_header_that_came_more_than_once_makes_a_tester(values: str) -> None:
    assert re.fullmatch(pattern("x-canary"), values)


@pytest.mark.parametrize(
    "values", ["", "never", "Always", "alwaysx", "xalways", "not always", "always never", "a,never"]
)
def test_no_other_value_makes_a_tester(values: str) -> None:
    assert not re.fullmatch(pattern("x-canary"), values)


def test_the_cookie_pattern_is_one_that_envoy_can_run() -> None:
    # Envoy's RE2 has neither look-around nor back references, and caps a program's size.
    assert not re.search(r"\(\?[=!<]|\\[1-9]", cookie_pattern())
    assert len(cookie_pattern()) < 100


# Destinations


def subsets(stack: Declaration, service: str) -> dict[str, Any]:
    declared = spec(stack, "DestinationRule", service)["subsets"]
    return {each["name"]: each["labels"] for each in declared}


@pytest.mark.parametrize(
    "config",
    [
        {"canaryVersion": ""},
        {"canaryVersion": "v2"},
        {"stableVersion": "v2", "canaryVersion": ""},
    ],
)
def test_every_version_has_a_subset_whether_it_runs_or_not(config: dict[str, str]) -> None:
    assert subsets(local(**config), "petdetailsservice") == {
        "v1": {"version": "v1"},
        "v2": {"version": "v2"},
    }


@pytest.mark.parametrize("config", [{}, {"canaryVersion": ""}, {"canaryWeight": "25"}])
def test_every_subset_that_a_route_names_is_there_and_has_pods(config: dict[str, str]) -> None:
    stack = local(**config)
    pods = [
        deployment.inputs["spec"]["template"]["metadata"]["labels"]
        for deployment in manifests(stack, "Deployment").values()
    ]
    for service in ("petdetailsservice", "petmedicalhistoryservice"):
        for rule in rules(stack, service).values():
            for name in shares(rule):
                labels = subsets(stack, service)[name]
                assert {"app": service, **labels} in pods


@pytest.mark.parametrize("service", ["petservice", "petdetailsservice", "petmedicalhistoryservice"])
def test_callers_are_limited_and_leave_out_pods_that_fail(service: str) -> None:
    policy = spec(local(), "DestinationRule", service)["trafficPolicy"]
    pool = policy["connectionPool"]
    assert pool["tcp"]["maxConnections"] > 0
    assert pool["http"].keys() >= {"http1MaxPendingRequests", "http2MaxRequests", "maxRetries"}
    outliers = policy["outlierDetection"]
    assert outliers["consecutive5xxErrors"] == (0 if service == "petservice" else 5)
    assert outliers["maxEjectionPercent"] <= 50, "a fault of all pods would take them all away"
    assert seconds(outliers["baseEjectionTime"]) >= seconds(outliers["interval"])
    assert "tls" not in policy, "mutual TLS is Istio's own choice between sidecars"


# Deadlines and retries


def petservice_deadline() -> float:
    """How long petservice waits for its services: what its pods are told, or its own default."""
    environment = {
        each["name"]: each["value"] for each in container(local(), "petservice-v1")["env"]
    }
    if "UPSTREAM_TIMEOUT_SECONDS" in environment:
        return float(environment["UPSTREAM_TIMEOUT_SECONDS"])
    source = (ROOT / "apps/petservice/__main__.py").read_text()
    [default] = re.findall(r'"UPSTREAM_TIMEOUT_SECONDS", ([0-9.]+),', source)
    return float(default)


def test_each_caller_waits_longer_than_the_one_that_it_calls() -> None:
    stack = local()
    public = spec(stack, "VirtualService", "petservice-public")["http"][0]
    assert seconds(public["timeout"]) > petservice_deadline()
    assert seconds(public["retries"]["perTryTimeout"]) > petservice_deadline()
    for service in ("petdetailsservice", "petmedicalhistoryservice"):
        for rule in rules(stack, service).values():
            assert petservice_deadline() > seconds(rule["timeout"])


@pytest.mark.parametrize("service", ["petdetailsservice", "petmedicalhistoryservice"])
def test_every_try_fits_into_the_deadline(service: str) -> None:
    for rule in rules(local(), service).values():
        tries = 1 + rule["retries"]["attempts"]
        assert rule["retries"]["attempts"] >= 1
        assert tries * seconds(rule["retries"]["perTryTimeout"]) <= seconds(rule["timeout"])


@pytest.mark.parametrize("service", ["petdetailsservice", "petmedicalhistoryservice"])
def test_where_no_try_can_connect_the_answer_says_so_before_the_deadline(service: str) -> None:
    policy = spec(local(), "DestinationRule", service)["trafficPolicy"]
    connect = seconds(policy["connectionPool"]["tcp"]["connectTimeout"])
    # Envoy waits 25 ms before the first further try and 75 ms before the second, at the most.
    for rule in rules(local(), service).values():
        tries = 1 + rule["retries"]["attempts"]
        assert tries * connect + 0.1 < seconds(rule["timeout"])


def test_testers_wait_and_try_as_everybody() -> None:
    testers, weighted = rules(local()).values()
    assert testers["timeout"] == weighted["timeout"]
    assert testers["retries"] == weighted["retries"]


def test_the_ingress_asks_again_only_for_what_reached_no_pod() -> None:
    retry_on = spec(local(), "VirtualService", "petservice-public")["http"][0]["retries"]["retryOn"]
    assert set(retry_on.split(",")) <= {"connect-failure", "refused-stream"}


def test_petservice_is_left_out_where_it_cannot_be_reached_not_for_what_it_answers() -> None:
    policy = spec(local(), "DestinationRule", "petservice")["trafficPolicy"]
    assert policy["outlierDetection"] == {
        "consecutive5xxErrors": 0,
        "splitExternalLocalOriginErrors": True,
        "consecutiveLocalOriginFailures": 5,
        "interval": "5s",
        "baseEjectionTime": "30s",
        "maxEjectionPercent": 50,
    }
