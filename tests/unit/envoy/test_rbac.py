"""Authorization policies as RBAC filters, as istiod would make them."""

from typing import Any

from petmesh.envoy.rbac import authorization_filters
from tests.unit.mesh.meshes import changed, mesh

LABELS = {"app": "petdetailsservice", "version": "v1"}
ANY = {"any": True}


def rule(*sources: Any, to: list[Any] | None = None, action: str = "ALLOW") -> Any:  # noqa: ANN401
    """The filter's one policy, of a policy with one rule."""

    def replace(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["action"] = action
        inputs["spec"]["rules"] = [
            {
                "from": [{"source": source} for source in sources if source],
                "to": [{"operation": operation} for operation in to or []],
            }
        ]

    of = changed("AuthorizationPolicy", "petdetailsservice", replace)
    (one,) = authorization_filters(of, "pets", LABELS, 9081)
    rules = one["typed_config"]["rules"]
    assert rules["action"] == action
    return rules["policies"]["ns[pets]-policy[petdetailsservice]-rule[0]"]


def conditions(permission: Any) -> list[Any]:  # noqa: ANN401 (data)
    return [c["or_rules"]["rules"] for c in permission["and_rules"]["rules"]]


def principal(**source: list[str]) -> Any:  # noqa: ANN401 (data)
    (one,) = rule(source)["principals"][0]["and_ids"]["ids"]
    return one


def name(**source: list[str]) -> Any:  # noqa: ANN401 (data)
    (one,) = principal(**source)["or_ids"]["ids"]
    return one["authenticated"]["principal_name"]


def test_a_principal_is_an_exact_spiffe_identity() -> None:
    value = "cluster.local/ns/pets/sa/petservice"
    assert name(principals=[value]) == {"exact": f"spiffe://{value}"}


def test_patterns_of_principals() -> None:
    assert name(principals=["*"]) == {"safe_regex": {"regex": ".+"}}
    assert name(principals=["cluster.local/*"]) == {"prefix": "spiffe://cluster.local/"}
    assert name(principals=["*/sa/a.b"]) == {"safe_regex": {"regex": "spiffe://.*/sa/a\\.b"}}


def test_namespaces_and_service_accounts() -> None:
    assert name(namespaces=["pets"]) == {"safe_regex": {"regex": ".*/ns/pets/.*"}}
    assert name(serviceAccounts=["petservice"]) == {
        "safe_regex": {"regex": "spiffe://.+/ns/pets/(.+/|)sa/petservice(/.+)?"}
    }


def test_a_negative_list_is_inverted() -> None:
    inverted = principal(notPrincipals=["cluster.local/ns/pets/sa/petservice"])
    assert set(inverted) == {"not_id"}


def test_methods_paths_and_ports_must_all_match() -> None:
    policy = rule({}, to=[{"methods": ["GET"], "paths": ["/a", "/b/*"], "ports": ["9081", "80"]}])
    assert conditions(policy["permissions"][0]) == [
        [{"header": {"name": ":method", "string_match": {"exact": "GET"}}}],
        [{"url_path": {"path": {"exact": "/a"}}}, {"url_path": {"path": {"prefix": "/b/"}}}],
        [ANY, {"not_rule": ANY}],
    ]
    assert policy["principals"] == [ANY]


def test_a_path_template() -> None:
    policy = rule({}, to=[{"paths": ["/pet/{*}/details", "/all/{**}"]}])
    ((one, two),) = conditions(policy["permissions"][0])
    assert one["uri_template"]["typed_config"]["path_template"] == "/pet/*/details"
    assert two["uri_template"]["typed_config"]["path_template"] == "/all/**"


def test_without_rules_nothing_is_allowed() -> None:
    def none(inputs: Any) -> None:  # noqa: ANN401 (data)
        del inputs["spec"]["rules"]

    of = changed("AuthorizationPolicy", "petdetailsservice", none)
    (one,) = authorization_filters(of, "pets", LABELS, 9081)
    policy = one["typed_config"]["rules"]["policies"]["ns[pets]-policy[petdetailsservice]-rule[0]"]
    assert policy == {"permissions": [{"not_rule": ANY}], "principals": [{"not_id": ANY}]}


def test_a_denial_comes_before_what_is_allowed() -> None:
    def deny(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"] = {"action": "DENY", "rules": [{}]}

    of = changed("AuthorizationPolicy", "petservice", deny)
    filters = authorization_filters(of, "pets", LABELS, 9081)
    assert [f["typed_config"]["rules"]["action"] for f in filters] == ["DENY", "ALLOW"]


def test_a_policy_holds_for_the_pods_it_selects_alone() -> None:
    (one,) = authorization_filters(mesh(), "pets", LABELS, 9081)
    assert list(one["typed_config"]["rules"]["policies"]) == [
        "ns[pets]-policy[allow-nothing]-rule[0]",
        "ns[pets]-policy[petdetailsservice]-rule[0]",
    ]
    assert authorization_filters(mesh(), "elsewhere", LABELS, 9081) == []
