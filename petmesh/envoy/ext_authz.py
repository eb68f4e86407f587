"""CUSTOM AuthorizationPolicies: an external authorizer decides about the requests they match.

Source:
    pilot/pkg/security/authz/builder/extauthz.go
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from petmesh.envoy.names import Json, cluster_name, full_host, typed
from petmesh.mesh.istio.security import AuthorizationPolicy
from petmesh.mesh.mesh import Mesh

_RBAC: Final = "envoy.filters.http.rbac"
_STATISTICS: Final = "istio_ext_authz_"
_DEFAULT_TIMEOUT: Final = "600s"
Rules = Mapping[str, Json]


def custom_filters(
    mesh: Mesh, policies: Sequence[AuthorizationPolicy], rules: Mapping[str, Rules]
) -> list[Json]:
    """Return the filters of CUSTOM policies.

    What a provider should decide that isn't known, or isn't the only one, is denied.

    Args:
        mesh: with the providers in its MeshConfig.
        policies: that apply to a workload.
        rules: Envoy's form of each policy's rules, by the policy's namespace/name.
    """
    filters: list[Json] = []
    by_provider: dict[str, dict[str, Json]] = {}
    for policy in policies:
        if policy.spec.action == "CUSTOM" and policy.spec.provider:
            name = f"{policy.metadata.namespace}/{policy.metadata.name}"
            held = by_provider.setdefault(policy.spec.provider.name, {})
            prefix = _policy_prefix(policy.spec.provider.name)
            held |= {f"{prefix}-{key}": value for key, value in rules[name].items()}
    for provider, matched in sorted(by_provider.items()):
        service = _service(mesh, provider)
        held: Json = {"action": "DENY", "policies": matched}
        # istiod takes several for one workload only by a feature flag that is off.
        if service is None or len(by_provider) > 1:
            filters.append(_rbac(f"custom-deny.{provider}", rules=held))
            continue
        shadow = {"shadow_rules": held, "shadow_rules_stat_prefix": _STATISTICS}
        filters.append(_rbac(f"custom.{provider}", **shadow))
        filters.append(_authorizer(service, provider))
    return filters


def _rbac(name: str, **fields: object) -> Json:
    config = typed("envoy.extensions.filters.http.rbac.v3.RBAC", **fields)
    return {"name": f"{_RBAC}.{name}", "typed_config": config}


def _service(mesh: Mesh, provider: str) -> Json | None:
    """Return a provider's service of HTTP; None if there is none of the name."""
    providers: Any = mesh.config.extension_providers or ()
    for each in cast("list[Json]", providers):
        if each.get("name") == provider and "envoyExtAuthzHttp" in each:
            return each["envoyExtAuthzHttp"]
    return None


def _policy_prefix(provider: str) -> str:
    return f"istio-ext-authz-{provider}"


def _authorizer(service: Json, provider: str) -> Json:
    own = str(service["service"]).rpartition("/")[2]
    host = full_host(own, str(service["service"]).partition("/")[0])
    http: Json = {
        "path_prefix": service.get("pathPrefix", ""),
        "server_uri": {
            "uri": f"http://{host}",
            "cluster": cluster_name(host, int(service["port"])),
            "timeout": service.get("timeout", _DEFAULT_TIMEOUT),
        },
    }
    response = {
        "allowed_upstream_headers": _headers(service.get("headersToUpstreamOnAllow")),
        "allowed_client_headers": _headers(service.get("headersToDownstreamOnDeny")),
        "allowed_client_headers_on_success": _headers(service.get("headersToDownstreamOnAllow")),
    }
    if any(response.values()):
        http["authorization_response"] = {k: v for k, v in response.items() if v}
    config: Json = {
        "transport_api_version": "V3",
        "failure_mode_allow": bool(service.get("failOpen")),
        "http_service": http,
        "filter_enabled_metadata": {
            "filter": _RBAC,
            "path": [{"key": f"{_STATISTICS}shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": _policy_prefix(provider)}},
        },
    }
    checked = _headers(service.get("includeRequestHeadersInCheck"))
    if checked:
        config["allowed_headers"] = checked
    if service.get("statusOnError"):
        config["status_on_error"] = {"code": int(service["statusOnError"])}
    type_ = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
    return {"name": "envoy.filters.http.ext_authz", "typed_config": typed(type_, **config)}


def _headers(names: Sequence[str] | None) -> Json | None:
    """Return patterns of headers: exact, `abc*` or `*abc`."""
    if not names:
        return None
    patterns: list[Json] = []
    for name in names:
        if name.endswith("*"):
            patterns.append({"prefix": name[:-1], "ignore_case": True})
        elif name.startswith("*"):
            patterns.append({"suffix": name[1:], "ignore_case": True})
        else:
            patterns.append({"exact": name, "ignore_case": True})
    return {"patterns": patterns}
