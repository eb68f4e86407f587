"""A NetworkPolicy that closes a used path is reported."""

from collections.abc import Callable
from typing import Any

import pytest

from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from petmesh.rehearsal.lint import findings
from tests.unit.declared import local
from tests.unit.mesh.meshes import changed

BACK = "petdetailsservice-v1"
FRONT = "petservice-v1"
INGRESS = "istio-ingressgateway"


def told(policy: str, change: Callable[[Any], object], **config: str) -> set[tuple[str, ...]]:
    """Which path is closed, and at whose end."""

    def apply(inputs: Any) -> None:  # noqa: ANN401 (data)
        change(inputs["spec"])

    lines = findings(changed("NetworkPolicy", policy, apply, canaryVersion="", **config))
    return {_parts(line) for line in lines}


def _parts(line: str) -> tuple[str, ...]:
    words = line.replace(",", "").split()
    return words[1], words[3], words[5], words[-3]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"dogApiEnabled": "true", "metrics": "prometheus", "kiali": "true", "grafana": "true"},
        {"dogApiEnabled": "true", "egressGateway": "true", "metrics": "prometheus"},
        {"egressGateway": "true", "tracing": "jaeger"},
        {"ingressTls": "secret", "tracing": "jaeger", "namespace": "dev-pets"},
    ],
)
def test_what_is_declared_is_open(config: dict[str, str]) -> None:
    assert findings(gather(local(**config))) == ()


def test_a_forgotten_callers_port() -> None:
    closed = told("petdetailsservice", lambda spec: spec["ingress"][0]["ports"][0].update(port=80))
    assert closed == {(FRONT, BACK, "9081", "ingress")}


def test_a_forgotten_caller() -> None:
    assert told("petdetailsservice", lambda spec: spec["ingress"].clear()) == {
        (FRONT, BACK, "9081", "ingress")
    }


def test_a_caller_that_is_let_in_by_another_label() -> None:
    def mislabel(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["ingress"][0]["from"][0]["podSelector"]["matchLabels"]["app"] = "petstore"

    assert told("petdetailsservice", mislabel) == {(FRONT, BACK, "9081", "ingress")}


def test_a_caller_that_is_let_in_from_another_namespace() -> None:
    def misplace(spec: Any) -> None:  # noqa: ANN401 (data)
        labels = spec["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]
        labels["kubernetes.io/metadata.name"] = "elsewhere"

    assert told("petservice", misplace) == {(INGRESS, FRONT, "9080", "ingress")}


def test_forgotten_calls() -> None:
    assert told("petservice", lambda spec: spec["egress"].clear()) == {
        (FRONT, "istiod", "15012", "egress"),
        (FRONT, "kube-dns", "53", "egress"),
        (FRONT, BACK, "9081", "egress"),
        (FRONT, "petmedicalhistoryservice-v1", "9082", "egress"),
    }


def test_a_gateway_that_may_call_nobody() -> None:
    assert told(INGRESS, lambda spec: spec["egress"].clear()) == {
        (INGRESS, "istiod", "15012", "egress"),
        (INGRESS, "kube-dns", "53", "egress"),
        (INGRESS, FRONT, "9080", "egress"),
    }


def test_an_istiod_that_one_namespace_cannot_reach() -> None:
    closed = told("istiod", lambda spec: spec["ingress"].pop(1))
    assert closed == {(INGRESS, "istiod", "15012", "ingress")}


def test_forgotten_name_servers() -> None:
    assert told("petdetailsservice", lambda spec: spec["egress"].pop(0)) == {
        (BACK, "kube-dns", "53", "egress")
    }


def test_a_forgotten_way_out() -> None:
    def close(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["egress"] = [rule for rule in spec["egress"] if rule["ports"][0]["port"] != 443]

    assert told("petservice", close, dogApiEnabled="true") == {
        (FRONT, "api.thedogapi.com", "443", "egress")
    }


def test_a_way_out_to_private_addresses_alone_is_none() -> None:
    def narrow(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["egress"][-1]["to"] = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]

    assert told("petservice", narrow, dogApiEnabled="true") == {
        (FRONT, "api.thedogapi.com", "443", "egress")
    }


def test_a_way_out_less_every_address_is_none() -> None:
    def lessen(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["egress"][-1]["to"][0]["ipBlock"]["except"] = ["0.0.0.0/1", "128.0.0.0/1"]

    assert told("petservice", lessen, dogApiEnabled="true") == {
        (FRONT, "api.thedogapi.com", "443", "egress")
    }


EGRESS = "istio-egressgateway"
LED = {"dogApiEnabled": "true", "egressGateway": "true"}


def test_a_gateway_to_the_outside_that_its_caller_cannot_reach() -> None:
    assert told(EGRESS, lambda spec: spec["ingress"].clear(), **LED) == {
        (FRONT, EGRESS, "443", "ingress")
    }


def test_a_caller_that_cannot_reach_the_gateway_to_the_outside() -> None:
    def close(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["egress"] = [rule for rule in spec["egress"] if rule["ports"][0]["port"] != 443]

    assert told("petservice", close, **LED) == {(FRONT, EGRESS, "443", "egress")}


def test_a_gateway_to_the_outside_that_reaches_nothing() -> None:
    assert told(EGRESS, lambda spec: spec["egress"].clear(), **LED) == {
        (EGRESS, "istiod", "15012", "egress"),
        (EGRESS, "kube-dns", "53", "egress"),
        (EGRESS, "api.thedogapi.com", "443", "egress"),
    }


def test_without_a_policy_everything_is_open() -> None:
    def others(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["podSelector"] = {"matchLabels": {"app": "other"}}

    assert told("petservice", others) == {
        (FRONT, "istiod", "15012", "egress"),
        (FRONT, "kube-dns", "53", "egress"),
        (FRONT, BACK, "9081", "egress"),
        (FRONT, "petmedicalhistoryservice-v1", "9082", "egress"),
        (INGRESS, FRONT, "9080", "ingress"),
    }


def test_a_form_that_the_check_does_not_know_is_refused() -> None:
    def end(spec: Any) -> None:  # noqa: ANN401 (data)
        spec["ingress"][0]["ports"][0]["endPort"] = 9090

    with pytest.raises(RefusedError, match="endPort: not known to the rehearsal"):
        told("petdetailsservice", end)
