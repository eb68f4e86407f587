"""RequestAuthentications, conditions, and policies of connections, as istiod would make them."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.match import is_catch_all, route_match
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.istio.virtual_service import HttpMatchRequest
from tests.unit.envoy.laid import istio, laid, listener

ANY = {"any": True}
NEVER = {"not_rule": ANY}


def filters(folder: Path, *texts: str, port: int = 8080) -> dict[str, Any]:
    """The config of each filter of a port of the web pod."""
    files = laid(folder, *texts).sidecar("web")
    chain = listener(files, f"inbound_{port}")["filter_chains"][0]
    last = chain["filters"][-1]["typed_config"]
    found = last.get("http_filters") or chain["filters"]
    return {each["name"]: each["typed_config"] for each in found}


def policy(rules: str, action: str = "ALLOW") -> str:
    return istio("AuthorizationPolicy", "p", f"{{action: {action}, rules: {rules}}}", "security")


def rule(folder: Path, rules: str, port: int = 8080, action: str = "ALLOW") -> Any:  # noqa: ANN401
    of = "http" if port == 8080 else "network"
    name = f"envoy.filters.{of}.rbac.{action.lower()}"
    config = filters(folder, policy(rules, action), port=port)[name]
    return config["rules"]["policies"]["ns[default]-policy[p]-rule[0]"]


def test_a_token_is_verified_before_policies_and_may_be_missing(tmp_path: Path) -> None:
    spec = (
        "{jwtRules: [{issuer: a, audiences: [b], jwksUri: 'https://a/keys', fromHeaders: "
        "[{name: x-token, prefix: 'T '}], outputClaimToHeaders: [{header: x-sub, claim: sub}]}]}"
    )
    found = filters(tmp_path, istio("RequestAuthentication", "a", spec, "security"), policy("[{}]"))
    assert list(found)[:2] == ["envoy.filters.http.jwt_authn", "envoy.filters.http.rbac.allow"]
    config = found["envoy.filters.http.jwt_authn"]
    provider = config["providers"]["origins-0"]
    assert provider["from_headers"] == [{"name": "x-token", "value_prefix": "T "}]
    assert provider["claim_to_headers"] == [{"header_name": "x-sub", "claim_name": "sub"}]
    assert '"kid": "rehearsal"' in provider["local_jwks"]["inline_string"]
    requirements = config["rules"][0]["requires"]["requires_any"]["requirements"]
    assert requirements == [{"provider_name": "origins-0"}, {"allow_missing": {}}]


def test_declared_keys_are_taken_as_they_are(tmp_path: Path) -> None:
    spec = "{jwtRules: [{issuer: a, jwks: '{\"keys\": []}'}]}"
    found = filters(tmp_path, istio("RequestAuthentication", "a", spec, "security"))
    provider = found["envoy.filters.http.jwt_authn"]["providers"]["origins-0"]
    assert provider["local_jwks"] == {"inline_string": '{"keys": []}'}


def test_a_rule_of_keys_alone_takes_the_tokens_of_any_issuer(tmp_path: Path) -> None:
    spec = "{jwtRules: [{jwksUri: 'https://a/keys'}]}"
    found = filters(tmp_path, istio("RequestAuthentication", "a", spec, "security"))
    assert "issuer" not in found["envoy.filters.http.jwt_authn"]["providers"]["origins-0"]
    with pytest.raises(RefusedError, match="must have issuer or jwksUri"):
        filters(tmp_path, istio("RequestAuthentication", "a", "{jwtRules: [{}]}", "security"))


def claim(*path: str, **text: object) -> Any:  # noqa: ANN401 (data)
    matcher = {"string_match": text}
    return {
        "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, *({"key": name} for name in path)],
            "value": {
                "or_match": {"value_matchers": [matcher, {"list_match": {"one_of": matcher}}]}
            },
        }
    }


@pytest.mark.parametrize(
    ("condition", "principal"),
    [
        ("key: 'request.headers[x-a]', values: [b]",
         {"header": {"name": "x-a", "string_match": {"exact": "b"}}}),
        ("key: source.ip, values: [10.0.0.0/8]",
         {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}),
        ("key: remote.ip, values: [10.0.0.1]",
         {"remote_ip": {"address_prefix": "10.0.0.1", "prefix_len": 32}}),
        ("key: 'request.auth.claims[a][b]', values: [c]", claim("a", "b", exact="c")),
        ("key: request.auth.audiences, values: [c*]", claim("aud", prefix="c")),
        ("key: source.namespace, values: [a]",
         {"authenticated": {"principal_name": {"safe_regex": {"regex": ".*/ns/a/.*"}}}}),
    ],
)  # fmt: skip
def test_a_condition_on_the_caller(tmp_path: Path, condition: str, principal: Any) -> None:  # noqa: ANN401
    found = rule(tmp_path, f"[{{when: [{{{condition}}}]}}]")
    assert found["principals"] == [{"and_ids": {"ids": [ANY, {"or_ids": {"ids": [principal]}}]}}]
    inverted = rule(tmp_path, f"[{{when: [{{{condition.replace('values', 'notValues')}}}]}}]")
    assert inverted["principals"][0]["and_ids"]["ids"][1] == {
        "not_id": {"or_ids": {"ids": [principal]}}
    }


@pytest.mark.parametrize(
    ("condition", "permission"),
    [
        ("key: destination.port, values: ['8080']", ANY),
        ("key: destination.port, values: ['1']", NEVER),
        ("key: connection.sni, values: [a]", {"requested_server_name": {"exact": "a"}}),
        (
            "key: 'experimental.envoy.filters.a.b[c]', values: [d*]",
            {
                "metadata": {
                    "filter": "envoy.filters.a.b",
                    "path": [{"key": "c"}],
                    "value": {"string_match": {"prefix": "d"}},
                }
            },
        ),
        (
            "key: 'experimental.envoy.filters.a.b[c]', values: ['[d]']",
            {
                "metadata": {
                    "filter": "envoy.filters.a.b",
                    "path": [{"key": "c"}],
                    "value": {"list_match": {"one_of": {"string_match": {"exact": "d"}}}},
                }
            },
        ),
    ],
)
def test_a_condition_on_the_called(tmp_path: Path, condition: str, permission: Any) -> None:  # noqa: ANN401
    found = rule(tmp_path, f"[{{when: [{{{condition}}}]}}]")["permissions"]
    assert found == [{"and_rules": {"rules": [ANY, {"or_rules": {"rules": [permission]}}]}}]


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("https://a/b", {"exact": "https://a"}, {"exact": "b"}),
        ("https://a/*", {"exact": "https://a"}, {"safe_regex": {"regex": ".+"}}),
        ("*", {"safe_regex": {"regex": ".+"}}, {"safe_regex": {"regex": ".+"}}),
    ],
)
def test_a_request_principal_is_issuer_and_subject(
    tmp_path: Path, value: str, issuer: dict[str, Any], subject: dict[str, Any]
) -> None:
    found = rule(tmp_path, f"[{{from: [{{source: {{requestPrincipals: ['{value}']}}}}]}}]")
    [one] = found["principals"][0]["and_ids"]["ids"][0]["or_ids"]["ids"]
    texts = [
        (each["metadata"]["path"][1]["key"], each["metadata"]["value"]["string_match"])
        for each in one["and_ids"]["ids"]
    ]
    assert texts == [("iss", issuer), ("sub", subject)]


def test_an_allow_rule_of_http_never_matches_a_connection(tmp_path: Path) -> None:
    found = rule(tmp_path, "[{to: [{operation: {methods: [GET]}}]}]", port=5432)
    assert found["permissions"] == [{"and_rules": {"rules": [{"or_rules": {"rules": [NEVER]}}]}}]


def test_a_deny_rule_of_http_is_held_to_the_rest(tmp_path: Path) -> None:
    text = "[{to: [{operation: {methods: [GET], ports: ['5432']}}]}]"
    found = rule(tmp_path, text, port=5432, action="DENY")
    assert found["permissions"] == [{"and_rules": {"rules": [{"or_rules": {"rules": [ANY]}}]}}]


def test_a_port_of_connections_is_passed_on_whole(tmp_path: Path) -> None:
    found = filters(tmp_path, policy("[{}]"), port=5432)
    assert list(found) == ["envoy.filters.network.rbac.allow", "envoy.filters.network.tcp_proxy"]


@pytest.mark.parametrize(("port", "chains"), [(8080, 2), (9090, 1), (5432, 1)])
def test_a_ports_own_mode_of_mutual_tls_wins(tmp_path: Path, port: int, chains: int) -> None:
    spec = (
        "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: "
        "{8080: {mode: PERMISSIVE}, 9090: {mode: DISABLE}}}"
    )
    files = laid(tmp_path, istio("PeerAuthentication", "a", spec, "security")).sidecar("web")
    assert len(listener(files, f"inbound_{port}")["filter_chains"]) == chains


PROVIDERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: authorizer
      envoyExtAuthzHttp: {service: auth/authz.auth.svc.cluster.local, port: 8000, pathPrefix: /a,
        failOpen: true, includeRequestHeadersInCheck: [x-a, "x-b*"]}
"""


def custom(provider: str) -> str:
    spec = f"{{action: CUSTOM, provider: {{name: {provider}}}, rules: [{{}}]}}"
    return istio("AuthorizationPolicy", "p", spec, "security")


def test_an_external_authorizer_is_asked_about_what_its_policies_match(tmp_path: Path) -> None:
    other = policy("[{}]").replace("name: p", "name: q")
    found = filters(tmp_path, PROVIDERS, custom("authorizer"), other)
    assert list(found)[:3] == [
        "envoy.filters.http.rbac.custom.authorizer",
        "envoy.filters.http.ext_authz",
        "envoy.filters.http.rbac.allow",
    ]
    matching = found["envoy.filters.http.rbac.custom.authorizer"]
    assert "rules" not in matching
    [name] = matching["shadow_rules"]["policies"]
    assert name == "istio-ext-authz-authorizer-ns[default]-policy[p]-rule[0]"
    asked = found["envoy.filters.http.ext_authz"]
    assert asked["http_service"]["server_uri"]["cluster"] == (
        "outbound|8000||authz.auth.svc.cluster.local"
    )
    assert asked["failure_mode_allow"] is True
    assert asked["allowed_headers"] == {
        "patterns": [
            {"exact": "x-a", "ignore_case": True},
            {"prefix": "x-b", "ignore_case": True},
        ]
    }


def test_what_an_unknown_provider_should_decide_is_denied(tmp_path: Path) -> None:
    [name, *_] = filters(tmp_path, custom("nobody")).items()
    assert name[0] == "envoy.filters.http.rbac.custom-deny.nobody"
    assert name[1]["rules"]["action"] == "DENY"


CLAIM = {
    "filter": "envoy.filters.http.jwt_authn",
    "path": [{"key": "payload"}, {"key": "account"}, {"key": "plan"}],
    "value": {
        "or_match": {
            "value_matchers": [
                {"string_match": {"exact": "gold"}},
                {"list_match": {"one_of": {"string_match": {"exact": "gold"}}}},
            ]
        }
    },
}


@pytest.mark.parametrize(
    "name",
    [
        "@request.auth.claims.account.plan",
        "@request.auth.claims[account][plan]",
        "@Request.Auth.Claims.account.plan",
    ],
)
def test_a_routes_claim_is_no_header(name: str) -> None:
    condition = {"exact": "gold"}
    match = HttpMatchRequest.model_validate({"headers": {name: condition}})
    assert route_match(match) == {
        "prefix": "/",
        "case_sensitive": True,
        "dynamic_metadata": [CLAIM],
    }
    assert not is_catch_all(route_match(match))
    without = HttpMatchRequest.model_validate({"withoutHeaders": {name: condition}})
    assert route_match(without)["dynamic_metadata"] == [{**CLAIM, "invert": True}]


def test_a_header_that_only_looks_like_a_claim_is_one() -> None:
    match = HttpMatchRequest.model_validate({"headers": {"request.auth.claims.a": {"exact": "b"}}})
    assert "dynamic_metadata" not in route_match(match)


@pytest.mark.parametrize(
    ("value", "matcher"),
    [
        ("a.com", {"prefix": "spiffe://a.com/"}),
        ("*", {"prefix": "spiffe://"}),
        ("*.com", {"safe_regex": {"regex": "spiffe://[^/]*\\.com/.*"}}),
    ],
)
def test_a_trust_domain_is_a_condition_too(
    tmp_path: Path, value: str, matcher: dict[str, Any]
) -> None:
    found = rule(tmp_path, f"[{{when: [{{key: source.trustDomain, values: ['{value}']}}]}}]")
    [one] = found["principals"][0]["and_ids"]["ids"][1]["or_ids"]["ids"]
    assert one == {"authenticated": {"principal_name": matcher}}


def test_a_header_that_may_be_anything_must_be_there(tmp_path: Path) -> None:
    found = rule(tmp_path, "[{when: [{key: 'request.headers[x]', values: ['*']}]}]")
    [one] = found["principals"][0]["and_ids"]["ids"][1]["or_ids"]["ids"]
    assert one == {"header": {"name": "x", "present_match": True}}
