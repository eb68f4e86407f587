"""AuthorizationPolicies as Envoy's RBAC filters."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from petmesh.envoy.match import pattern_match
from petmesh.envoy.mtls_mode import ROOT_NAMESPACE
from petmesh.envoy.names import Json, selects, typed
from petmesh.mesh.istio.security import AuthorizationPolicy, Operation, Rule, Source
from petmesh.mesh.mesh import Mesh

_ANYTHING: Json = {"any": True}


def authorization_filters(
    mesh: Mesh, namespace: str, labels: Mapping[str, str], port: int
) -> list[Json]:
    """Return the RBAC filters of a workload's port: DENY policies first, then ALLOW policies.

    Conditions on ports are decided here, since a pod's port on this machine is another one.
    """
    policies = policies_of(mesh, namespace, labels)
    filters: list[Json] = []
    for action in ("DENY", "ALLOW"):
        chosen = [policy for policy in policies if policy.spec.action == action]
        if chosen:
            rules: dict[str, Json] = {}
            for policy in chosen:
                rules.update(_policies(policy, port))
            filters.append(
                {
                    "name": f"envoy.filters.http.rbac.{action.lower()}",
                    "typed_config": typed(
                        "envoy.extensions.filters.http.rbac.v3.RBAC",
                        rules={"action": action, "policies": rules},
                    ),
                }
            )
    return filters


def policies_of(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> list[AuthorizationPolicy]:
    """Return the AuthorizationPolicies that apply to a workload."""
    return [each for each in mesh.authorization_policies if _applies(each, namespace, labels)]


def _applies(policy: AuthorizationPolicy, namespace: str, labels: Mapping[str, str]) -> bool:
    selector = policy.spec.selector.match_labels if policy.spec.selector else {}
    return policy.metadata.namespace in (namespace, ROOT_NAMESPACE) and selects(selector, labels)


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
    return {"permissions": operations, "principals": sources}


def _permission(operation: Operation, port: int) -> Json:
    conditions = [
        *_either(operation.hosts, operation.not_hosts, _host),
        *_either(operation.methods, operation.not_methods, _method),
        *_either(operation.paths, operation.not_paths, _path),
        *_either(operation.ports, operation.not_ports, lambda value: _port(value, port)),
    ]
    rules: list[Json] = []
    for values, inverted in conditions:
        rule: Json = {"or_rules": {"rules": values}}
        rules.append({"not_rule": rule} if inverted else rule)
    return {"and_rules": {"rules": rules}} if rules else _ANYTHING


def _principal(source: Source, namespace: str) -> Json:
    conditions = [
        *_either(source.principals, source.not_principals, _identity),
        *_either(source.namespaces, source.not_namespaces, _namespace),
        *_either(source.service_accounts, (), lambda value: _account(value, namespace)),
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
    matched = pattern_match(value) | {"ignore_case": True}
    return {"header": {"name": ":authority", "string_match": matched}}


def _method(value: str) -> Json:
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


def _port(value: str, port: int) -> Json:
    return _ANYTHING if int(value) == port else {"not_rule": _ANYTHING}


def _identity(value: str) -> Json:
    return {"authenticated": {"principal_name": pattern_match(value, "spiffe://")}}


def _namespace(value: str) -> Json:
    pattern = ".*".join(re.escape(part) for part in value.split("*"))
    return _matching(f".*/ns/{pattern}/.*")


def _account(value: str, namespace: str) -> Json:
    own, _, name = value.rpartition("/")
    return _matching(
        f"spiffe://.+/ns/{re.escape(own or namespace)}/(.+/|)sa/{re.escape(name)}(/.+)?"
    )


def _matching(regex: str) -> Json:
    return {"authenticated": {"principal_name": {"safe_regex": {"regex": regex}}}}
