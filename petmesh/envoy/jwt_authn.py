"""RequestAuthentications as Envoy's filter that verifies tokens."""

from collections.abc import Mapping
from typing import Final

from petmesh.envoy.names import Json, typed
from petmesh.envoy.policy_targets import applies
from petmesh.mesh.istio.security import JwtRule
from petmesh.mesh.mesh import Mesh

TOKENS: Final = "envoy.filters.http.jwt_authn"
# Where the filter keeps the claims of a verified token.
PAYLOAD: Final = "payload"


def token_filters(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], keys: str, *, chooses_route: bool = False
) -> list[Json]:
    """Return the filter that verifies the tokens of a workload's requests; none if there are none.

    A request may have no token; one that isn't valid is answered 401.

    Args:
        mesh: the declared objects.
        namespace: the workload's.
        labels: of its pods.
        keys: a JSON Web Key Set in place of those that rules name by URI.
        chooses_route: whether a verified token's claims choose the route, as at a gateway.
    """
    rules = [
        rule
        for each in mesh.request_authentications
        if applies(each.spec, each.metadata.namespace, namespace, labels)
        for rule in each.spec.jwt_rules
    ]
    if not rules:
        return []
    providers = {
        f"origins-{index}": _provider(rule, keys, chooses_route=chooses_route)
        for index, rule in enumerate(rules)
    }
    missing: Json = {"allow_missing": {}}
    required = _any(*({"provider_name": name} for name in providers), missing)
    if len(providers) > 1:
        # Each token that is there must be valid, or one at a place that several issuers share.
        each = [_any({"provider_name": name}, missing) for name in providers]
        every: Json = {"requires_all": {"requirements": each}}
        required = _any(*({"provider_name": name} for name in providers), every)
    config = typed(
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers=providers,
        rules=[{"match": {"prefix": "/"}, "requires": required}],
        bypass_cors_preflight=True,
    )
    return [{"name": TOKENS, "typed_config": config}]


def _any(*requirements: Json) -> Json:
    return {"requires_any": {"requirements": list(requirements)}}


def _provider(rule: JwtRule, keys: str, *, chooses_route: bool) -> Json:
    provider: Json = {
        "audiences": list(rule.audiences),
        "local_jwks": {"inline_string": rule.jwks or keys},
        "payload_in_metadata": PAYLOAD,
        "forward": rule.forward_original_token,
        "clear_route_cache": chooses_route,
    }
    if rule.issuer:
        provider["issuer"] = rule.issuer
    if rule.from_headers:
        provider["from_headers"] = [
            {"name": each.name, "value_prefix": each.prefix} for each in rule.from_headers
        ]
    if rule.from_params:
        provider["from_params"] = list(rule.from_params)
    if rule.from_cookies:
        provider["from_cookies"] = list(rule.from_cookies)
    if rule.output_payload_to_header:
        provider["forward_payload_header"] = rule.output_payload_to_header
    if rule.output_claim_to_headers:
        provider["claim_to_headers"] = [
            {"header_name": each.header, "claim_name": each.claim}
            for each in rule.output_claim_to_headers
        ]
    return provider
