"""Conditions of AuthorizationPolicies in Envoy's form: identities, tokens, addresses, headers."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import ip_network

from petmesh.envoy.jwt_authn import PAYLOAD, TOKENS
from petmesh.envoy.match import claim_match, pattern_match
from petmesh.envoy.names import Json
from petmesh.mesh.istio.security import AuthorizationPolicy, Condition, Rule, To

_ANYTHING: Json = {"any": True}
_EXPERIMENTAL = "experimental."
_FILTERS = f"{_EXPERIMENTAL}envoy.filters."
_HTTP_KEYS = ("request.", "remote.ip")
_HTTP_SOURCES = (
    *("request_principals", "not_request_principals"),
    *("remote_ip_blocks", "not_remote_ip_blocks"),
)
_CLAIM = re.compile(r"\[([^\]]*)\]")


def identity_is(value: str) -> Json:
    """Return the condition of a SPIFFE identity, without its scheme."""
    return {"authenticated": {"principal_name": pattern_match(value, "spiffe://")}}


def namespace_is(value: str) -> Json:
    """Return the condition of a namespace in which `*` stands for any text."""
    pattern = ".*".join(re.escape(part) for part in value.split("*"))
    return _identity_matching(f".*/ns/{pattern}/.*")


def account_is(value: str, namespace: str) -> Json:
    """Return the condition of a ServiceAccount, by default of the policy's namespace."""
    own, _, name = value.rpartition("/")
    return _identity_matching(
        f"spiffe://.+/ns/{re.escape(own or namespace)}/(.+/|)sa/{re.escape(name)}(/.+)?"
    )


def trust_domain_is(value: str) -> Json:
    """Return the condition of a trust domain in which `*` stands for any text."""
    if value == "*" or "*" not in value:
        prefix = f"spiffe://{value.removesuffix('*')}" + ("" if value == "*" else "/")
        return {"authenticated": {"principal_name": {"prefix": prefix}}}
    pattern = "[^/]*".join(re.escape(part) for part in value.split("*"))
    return _identity_matching(f"spiffe://{pattern}/.*")


def source_ip_is(value: str) -> Json:
    """Return the condition of the address that the connection comes from."""
    return {"direct_remote_ip": _range(value)}


def remote_ip_is(value: str) -> Json:
    """Return the condition of the client's address, as a gateway takes it from a header."""
    return {"remote_ip": _range(value)}


def token_is(value: str) -> Json:
    """Return the condition of a token's issuer and subject, `issuer/subject`.

    A pattern's `*` at its begin stands for a part of the issuer, at its end for one of the subject.
    """
    if value == "*":
        return _and(_text("iss", "*"), _text("sub", "*"))
    issuer, slash, subject = value.rpartition("/")
    if not slash and value.startswith("*"):
        return _and(_text("iss", "*"), _text("sub", value))
    if not slash and value.endswith("*"):
        return _and(_text("iss", value), _text("sub", "*"))
    if not slash:
        # Without a subject it is the empty one, as in istiod.
        return _and(_text("iss", value), _text("sub", ""))
    return _and(_text("iss", issuer), _text("sub", subject))


def port_is(value: str, port: int) -> Json:
    """Return the condition of the called port, which is known already."""
    return _ANYTHING if int(value) == port else {"not_rule": _ANYTHING}


def condition_permissions(condition: Condition, port: int) -> Iterator[Json]:
    """Yield the conditions on the called side of a `when`."""
    matchers: dict[str, Callable[[str], Json]] = {
        "destination.port": lambda value: port_is(value, port),
        "destination.ip": lambda value: {"destination_ip": _range(value)},
        "connection.sni": lambda value: {"requested_server_name": pattern_match(value)},
    }
    if condition.key in matchers:
        yield from _values(condition, matchers[condition.key], "rules", "not_rule")
    if condition.key.startswith(_FILTERS):
        yield from _values(condition, partial(_metadata, condition.key), "rules", "not_rule")


def _metadata(key: str, value: str) -> Json:
    """Return the condition of what a filter of Envoy says of a request: a text, or `[one]` of some.

    https://istio.io/latest/docs/reference/config/security/conditions/
    """
    filter_, _, name = key.removeprefix(_EXPERIMENTAL).removesuffix("]").partition("[")
    in_list = value.startswith("[") and value.endswith("]")
    text: Json = {"string_match": pattern_match(value.strip("[]") if in_list else value)}
    held = {"list_match": {"one_of": text}} if in_list else text
    return {"metadata": {"filter": filter_, "path": [{"key": name}], "value": held}}


def condition_principals(condition: Condition, namespace: str) -> Iterator[Json]:
    """Yield the conditions on the calling side, and on the request, of a `when`."""
    key = condition.key.partition("[")[0]
    names = _CLAIM.findall(condition.key)
    matchers: dict[str, Callable[[str], Json]] = {
        "source.ip": source_ip_is,
        "remote.ip": remote_ip_is,
        "source.namespace": namespace_is,
        "source.principal": identity_is,
        "source.serviceAccount": lambda value: account_is(value, namespace),
        "request.auth.principal": token_is,
        "request.auth.audiences": lambda value: _claim(["aud"], value),
        "request.auth.presenter": lambda value: _claim(["azp"], value),
        "request.auth.claims": lambda value: _claim(names, value),
        "request.headers": lambda value: {"header": _header(names[0], value)},
        "source.trustDomain": trust_domain_is,
    }
    if key in matchers:
        yield from _values(condition, matchers[key], "ids", "not_id")


def without_http(policy: AuthorizationPolicy) -> AuthorizationPolicy:
    """Return a policy for connections that aren't HTTP."""
    rules = tuple(_without_http(rule, policy.spec.action) for rule in policy.spec.rules)
    spec = policy.spec.model_copy(update={"rules": rules})
    return policy.model_copy(update={"spec": spec})


def _without_http(rule: Rule, action: str) -> Rule:
    of_http = (
        any(each.key.startswith(_HTTP_KEYS) for each in rule.when)
        or any(getattr(each.source, name) for each in rule.from_ for name in _HTTP_SOURCES)
        or any(set(to.operation.model_fields_set) - {"ports", "not_ports"} for to in rule.to)
    )
    if not of_http:
        return rule
    if action != "DENY":
        return rule.model_copy(update={"to": (_NEVER,)})
    operations = (to.operation for to in rule.to)
    return rule.model_copy(
        update={
            "when": tuple(each for each in rule.when if not each.key.startswith(_HTTP_KEYS)),
            "from_": tuple(
                each.model_copy(
                    update={
                        "source": each.source.model_copy(update=dict.fromkeys(_HTTP_SOURCES, ()))
                    }
                )
                for each in rule.from_
            ),
            "to": tuple(
                To.model_construct(
                    operation=each.model_copy(
                        update=dict.fromkeys(
                            (
                                *("hosts", "not_hosts", "methods", "not_methods"),
                                *("paths", "not_paths"),
                            ),
                            (),
                        )
                    )
                )
                for each in operations
            ),
        }
    )


# No port is 0.
_NEVER = To.model_validate({"operation": {"ports": ["0"]}})


def _header(name: str, value: str) -> Json:
    if value == "*":
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": pattern_match(value)}


def _values(
    condition: Condition, matcher: Callable[[str], Json], what: str, negation: str
) -> Iterator[Json]:
    if condition.values:
        yield _any_of(what, [matcher(value) for value in condition.values])
    if condition.not_values:
        yield {negation: _any_of(what, [matcher(value) for value in condition.not_values])}


def _any_of(what: str, conditions: list[Json]) -> Json:
    return {f"or_{what}": {what: conditions}}


def _and(*conditions: Json) -> Json:
    return {"and_ids": {"ids": list(conditions)}}


def _text(name: str, value: str) -> Json:
    """Return the condition of a verified token's claim that is a text."""
    return {
        "metadata": {
            "filter": TOKENS,
            "path": [{"key": PAYLOAD}, {"key": name}],
            "value": {"string_match": pattern_match(value)},
        }
    }


def _claim(names: Sequence[str], value: str) -> Json:
    """Return the condition of a verified token's claim: its text, or one of its list's."""
    return {"metadata": claim_match(names, pattern_match(value))}


def _range(value: str) -> Json:
    network = ip_network(value, strict=False)
    return {
        "address_prefix": str(network.network_address),
        "prefix_len": network.prefixlen,
    }


def _identity_matching(regex: str) -> Json:
    return {"authenticated": {"principal_name": {"safe_regex": {"regex": regex}}}}
