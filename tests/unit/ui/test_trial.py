"""The path of a request, from the hops that its proxies logged."""

from petmesh.manifests.declaration import declare_manifests
from petmesh.mesh.gather import gather
from petmesh.project import ROOT
from petmesh.rehearsal.hops import Hop
from petmesh.ui.trial import Step, path_of
from tests.unit.expectations.made import hop

MESH = gather(declare_manifests(str(ROOT / "examples" / "bookinfo")), assume=True)
GATEWAY = "istio-ingressgateway"
WORKLOADS = {"productpage-v1-0": "productpage-v1", "reviews-v1-0": "reviews-v1"}
VIEWER = "ns[default]-policy[reviews-viewer]-rule[0]"


def _path(*hops: Hop, first: str = GATEWAY) -> list[Step]:
    return path_of(MESH, hops, first, WORKLOADS)


def _at_gateway() -> Hop:
    return hop(
        GATEWAY,
        "gateway_80",
        object="VirtualService default/bookinfo",
        part="http[0].match[0]",
        endpoint="productpage-v1-0",
        cluster="outbound|9080||productpage.default.svc.cluster.local",
    )


def _to_reviews(proxy: str = "productpage-v1-0") -> Hop:
    return hop(
        proxy,
        object="VirtualService default/reviews",
        part="http[1]",
        endpoint="reviews-v1-0",
        cluster="outbound|9080|v1|reviews.default.svc.cluster.local",
    )


def test_a_path_is_in_the_order_in_which_its_steps_began() -> None:
    # The innermost ends first.
    steps = _path(
        hop("reviews-v1-0", "inbound_9080", allowed=VIEWER),
        _to_reviews(),
        hop("productpage-v1-0", "inbound_9080"),
        _at_gateway(),
    )
    assert [(step.proxy, step.inbound, step.depth) for step in steps] == [
        (GATEWAY, False, 0),
        ("productpage-v1-0", True, 1),
        ("productpage-v1-0", False, 2),
        ("reviews-v1-0", True, 3),
    ]
    assert [step.workload for step in steps][-1] == "reviews-v1"


def test_each_step_names_the_object_that_decided() -> None:
    steps = _path(hop("reviews-v1-0", "inbound_9080", allowed=VIEWER), _to_reviews(), _at_gateway())
    assert [(step.object, step.part) for step in steps] == [
        ("VirtualService default/bookinfo", "http[0].match[0]"),
        ("VirtualService default/reviews", "http[1]"),
        ("AuthorizationPolicy default/reviews-viewer", "rules[0]"),
    ]
    assert steps[-1].decided == ("AuthorizationPolicy default/reviews-viewer rules[0] allowed it",)


def test_a_denied_request_names_the_policies_that_didnt_allow_it() -> None:
    details = "rbac_access_denied_matched_policy[none]"
    _, denied = _path(
        hop("reviews-v1-0", "inbound_9080", details=details), _to_reviews("a-0"), first="a-0"
    )
    [line] = denied.decided
    assert line.startswith("no rule of AuthorizationPolicy")
    assert "default/reviews-viewer" in line


def test_a_request_past_the_mesh_begins_at_the_called_pod() -> None:
    [step] = _path(hop("reviews-v1-0", "inbound_9080"), first="reviews-v1-0")
    assert step.inbound


def test_what_is_logged_by_a_proxy_that_nobody_names_is_shown_at_the_end() -> None:
    steps = _path(hop("egress", "gateway_443"), _at_gateway())
    assert [step.proxy for step in steps] == [GATEWAY, "egress"]


def test_a_loop_of_calls_ends() -> None:
    steps = _path(_to_reviews("reviews-v1-0"), hop("reviews-v1-0", "inbound_9080"), _at_gateway())
    assert len(steps) == 3
