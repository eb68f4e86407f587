"""AuthorizationPolicies as Envoy's RBAC filters."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from petmesh.envoy.conditions import (
    account_is,
    condition_permissions,
    condition_principals,
    identity_is,
    namespace_is,
    port_is,
    remote_ip_is,
    source_ip_is,
    token_is,
    trust_domain_is,
    without_http,
)
from petmesh.envoy.ext_authz import custom_filters
from petmesh.envoy.match import pattern_match
from petmesh.envoy.names import Json, typed
from petmesh.envoy.policy_targets import applies
from petmesh.mesh.istio.security import AuthorizationPolicy, Operation, Rule, Source
from petmesh.mesh.mesh import Mesh

_ANYTHING: Json = {"any": True}


def authorization_filters(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], port: int
) -> list[Json]:
    """Return the filters of a workload's port: CUSTOM policies first, then DENY, then ALLOW.

    Conditions on ports are decided here, since a pod's port on this machine is another one.
    """
    policies = policies_of(mesh, namespace, labels)
    rules_of = {
        f"{each.metadata.namespace}/{each.metadata.name}": dict(_policies(each, port))
        for each in policies
    }
    own = [
        {
            "name": f"envoy.filters.http.rbac.{action.lower()}",
            "typed_config": typed("envoy.extensions.filters.http.rbac.v3.RBAC", rules=rules),
        }
        for action, rules in _by_action(policies, port)
    ]
    return [*custom_filters(mesh, policies, rules_of), *own]


def connection_filters(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], port: int
) -> list[Json]:
    """Return the RBAC filters of a port whose connections aren't HTTP.

    A rule with fields of HTTP alone can't be met there: an ALLOW rule with any never matches, and a
    DENY rule is held to its others.

    Source:
        https://istio.io/latest/docs/ops/configuration/security/security-policy-examples/
    """
    policies = [without_http(each) for each in policies_of(mesh, namespace, labels)]
    return [
        {
            "name": f"envoy.filters.network.rbac.{action.lower()}",
            "typed_config": typed(
                "envoy.extensions.filters.network.rbac.v3.RBAC", rules=rules, stat_prefix="tcp"
            ),
        }
        for action, rules in _by_action(policies, port)
    ]


def _by_action(policies: Sequence[AuthorizationPolicy], port: int) -> Iterable[tuple[str, Json]]:
    for action in ("DENY", "ALLOW"):
        chosen = [policy for policy in policies if policy.spec.action == action]
        if chosen:
            rules: dict[str, Json] = {}
            for policy in chosen:
                rules.update(_policies(policy, port))
            yield action, {"action": action, "policies": rules}


def policies_of(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> list[AuthorizationPolicy]:
    """Return the AuthorizationPolicies that apply to a workload."""
    return [
        each
        for each in mesh.authorization_policies
        if applies(each.spec, each.metadata.namespace, namespace, labels)
    ]


def _policies(policy: AuthorizationPolicy, port: int) -> Iterable[tuple[str, Json]]:
    base = f"ns[{policy.metadata.namespace}]-policy[{policy.metadata.name}]-rule"
    if not policy.spec.rules:
        # Without a rule nothing matches: such an ALLOW policy allows nothing.
        yield (
            f"{base}[0]",
            {
                "permissions": [{"not_rule": _ANYTHING}],
                "principals": [{"not_id": _ANYTHING}],
            },
        )
    for index, rule in enumerate(policy.spec.rules):
        yield f"{base}[{index}]", _policy(rule, policy.metadata.namespace, port)


def _policy(rule: Rule, namespace: str, port: int) -> Json:
    operations = [_permission(to.operation, port) for to in rule.to] or [_ANYTHING]
    sources = [_principal(source.source, namespace) for source in rule.from_] or [_ANYTHING]
    permissions = [each for c in rule.when for each in condition_permissions(c, port)]
    principals = [each for c in rule.when for each in condition_principals(c, namespace)]
    # Each operation and each source must meet every condition.
    return {
        "permissions": [_all("rules", [each, *permissions]) for each in operations],
        "principals": [_all("ids", [each, *principals]) for each in sources],
    }


def _all(what: str, conditions: list[Json]) -> Json:
    if len(conditions) == 1:
        return conditions[0]
    return {f"and_{what}": {what: conditions}}


def _permission(operation: Operation, port: int) -> Json:
    conditions = [
        *_either(operation.hosts, operation.not_hosts, _host),
        *_either(operation.methods, operation.not_methods, _method),
        *_either(operation.paths, operation.not_paths, _path),
        *_either(operation.ports, operation.not_ports, lambda value: port_is(value, port)),
    ]
    rules: list[Json] = []
    for values, inverted in conditions:
        rule: Json = {"or_rules": {"rules": values}}
        rules.append({"not_rule": rule} if inverted else rule)
    return {"and_rules": {"rules": rules}} if rules else _ANYTHING


def _principal(source: Source, namespace: str) -> Json:
    conditions = [
        *_either(source.principals, source.not_principals, identity_is),
        *_either(source.request_principals, source.not_request_principals, token_is),
        *_either(source.namespaces, source.not_namespaces, namespace_is),
        *_either(
            source.service_accounts,
            source.not_service_accounts,
            lambda value: account_is(value, namespace),
        ),
        *_either(source.trust_domains, source.not_trust_domains, trust_domain_is),
        *_either(source.ip_blocks, source.not_ip_blocks, source_ip_is),
        *_either(source.remote_ip_blocks, source.not_remote_ip_blocks, remote_ip_is),
    ]
    ids: list[Json] = []
    for values, inverted in conditions:
        principal: Json = {"or_ids": {"ids": values}}
        ids.append({"not_id": principal} if inverted else principal)
    return {"and_ids": {"ids": ids}} if ids else _ANYTHING


def _either(
    values: Sequence[str], not_values: Sequence[str], matcher: Callable[[str], Json]
) -> Iterable[tuple[list[Json], bool]]:
    if values:
        yield [matcher(value) for value in values], False
    if not_values:
        yield [matcher(value) for value in not_values], True


def _host(value: str) -> Json:
    if value == "*":
        return {"header": {"name": ":authority", "present_match": True}}
    matched = pattern_match(value) | {"ignore_case": True}
    return {"header": {"name": ":authority", "string_match": matched}}


def _method(value: str) -> Json:
    if value == "*":
        return {"header": {"name": ":method", "present_match": True}}
    return {"header": {"name": ":method", "string_match": pattern_match(value)}}


def _path(value: str) -> Json:
    """Return a path's condition: exact, by prefix or suffix, or a template of `{*}` and `{**}`."""
    if "{*}" in value or "{**}" in value:
        template = value.replace("{**}", "**").replace("{*}", "*")
        config = typed(
            "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            path_template=template,
        )
        return {"uri_template": {"name": "uri-template", "typed_config": config}}
    return {"url_path": {"path": pattern_match(value)}}
