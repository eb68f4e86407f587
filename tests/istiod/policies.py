"""What the filters of a connection or of requests decide: who is let in, by which token."""

import re
from collections.abc import Callable
from typing import Any, Final, cast

from tests.istiod.plain import UNSEEN, Json, without

_RBAC: Final = ("envoy.filters.http.rbac", "envoy.filters.network.rbac")


def deciding(read: Callable[[Json, int], Any], filters: list[Json], port: int) -> list[Any]:
    found = (read(each, port) for each in filters)
    return [each for each in found if each is not None]


def http_filter(each: Json, port: int) -> Any:  # noqa: ANN401
    """A filter that decides about requests; None for others."""
    name: str = each["name"]
    config: Json = each.get("typed_config", {})
    kind = str(config.get("@type", ""))
    if name.startswith(_RBAC):
        return _rbac(config, port)
    if "jwt_authn" in name:
        return {"tokens": _tokens(config)}
    if "ext_authz" in name:
        return {"external": without(config, UNSEEN)}
    if "local_ratelimit" in name:
        return {"rate limit": without(config, UNSEEN)}
    if name.startswith("istio.") or any(part in kind for part in _OTHERS):
        return None
    return {"filter": name}


# Filters without an effect of their own: routes configure them, or they observe.
_OTHERS: Final = (
    *("fault.v3.HTTPFault", "cors.v3.Cors", "router.v3.Router", "grpc_stats", "istio", "stats."),
    *("alpn", "peer_metadata", "metadata_exchange", "grpc_web", "set_filter_state", "golang"),
)


def network_filter(each: Json, port: int) -> Any:  # noqa: ANN401
    """A filter that decides about connections; None for others."""
    return _rbac(each["typed_config"], port) if each["name"].startswith(_RBAC) else None


def _rbac(config: Json, port: int) -> Any:  # noqa: ANN401
    rules: Json = config.get("rules") or {}
    if not rules and "shadow_rules" in config:
        return {"dry run": True}
    if rules.get("action") == "LOG":
        # Of an AUDIT policy, which decides nothing.
        return None
    policies = {
        _rule(name): _policy(policy, port) for name, policy in rules.get("policies", {}).items()
    }
    return {rules.get("action", "ALLOW"): policies}


def _rule(name: str) -> str:
    """The rule of an AuthorizationPolicy, without what is said of its provider."""
    found = re.search(r"ns\[.*?\]-policy\[.*?\]-rule\[\d+\]", name)
    return found.group() if found else name


def _policy(policy: Json, port: int) -> Json:
    return {
        what: sorted((_condition(each, port) for each in policy[what]), key=str)
        for what in ("permissions", "principals")
    }


_ALWAYS: Final[Json] = {"any": True}
_NEVER: Final[Json] = {"not": _ALWAYS}
_COMBINED: Final = {
    "and_rules": "rules",
    "or_rules": "rules",
    "and_ids": "ids",
    "or_ids": "ids",
}


def _condition(held: Any, port: int) -> Any:  # noqa: ANN401
    """A condition in its simplest form, with those of the called port decided."""
    if not isinstance(held, dict):
        return held
    return _of_fields(cast("Json", held), port)


def _of_fields(held: Json, port: int) -> Any:  # noqa: ANN401 (one for each kind)
    if "destination_port" in held:
        return _ALWAYS if held["destination_port"] == port else _NEVER
    for negation in ("not_rule", "not_id"):
        if negation in held:
            inner = _condition(held[negation], port)
            return _ALWAYS if inner == _NEVER else {"not": inner}
    for name, items in _COMBINED.items():
        if name in held:
            return _combined(
                name.partition("_")[0], [_condition(each, port) for each in held[name][items]]
            )
    if "metadata" in held:
        return claim(held["metadata"])
    if "regex" in held:
        # A dash needs no escape.
        return {**held, "regex": held["regex"].replace("\\-", "-")}
    return {key: _condition(value, port) for key, value in held.items()}


def claim(metadata: Json) -> Json:
    """The condition of a token's claim: its texts, and whether it may be a list with one."""
    texts, lists = _texts(metadata["value"])
    path = ".".join(each["key"] for each in metadata["path"])
    return {"claim": path, "list": lists, "texts": sorted(texts)}


def _texts(value: Json) -> tuple[set[str], bool]:
    if "string_match" in value:
        return {str(_condition(value["string_match"], 0))}, False
    inner = (
        value["or_match"]["value_matchers"]
        if "or_match" in value
        else [value["list_match"]["one_of"]]
    )
    found = [_texts(each) for each in inner]
    lists = "list_match" in value or any(each for _, each in found)
    return set[str]().union(*(texts for texts, _ in found)), lists


def _united(conditions: list[Json]) -> list[Json]:
    """Conditions of which any holds, with those of one claim as one."""
    claims: dict[tuple[str, bool], set[str]] = {}
    others: list[Json] = []
    for each in conditions:
        if "claim" in each:
            claims.setdefault((each["claim"], each["list"]), set()).update(each["texts"])
        else:
            others.append(each)
    united = [
        {"claim": path, "list": lists, "texts": sorted(texts)}
        for (path, lists), texts in claims.items()
    ]
    return [*others, *united]


def _combined(how: str, inner: list[Json]) -> Json:
    flat: list[Json] = []
    for each in inner:
        flat += each.get(how, [each])
    neutral, deciding = (_ALWAYS, _NEVER) if how == "and" else (_NEVER, _ALWAYS)
    if deciding in flat:
        return deciding
    if how == "or":
        flat = _united(flat)
    kept = sorted((each for each in flat if each != neutral), key=str)
    if len(kept) == 1:
        return kept[0]
    return {how: kept} if kept else neutral


def _tokens(config: Json) -> Json:
    providers: Json = config.get("providers", {})
    return {
        provider["issuer"]: {
            key: provider[key]
            for key in (
                *("audiences", "from_headers", "from_params", "from_cookies", "forward"),
                *("forward_payload_header", "claim_to_headers"),
            )
            if provider.get(key)
        }
        for provider in providers.values()
    } | {"requires": _requirement(config)}


def _requirement(config: Json) -> Any:  # noqa: ANN401
    return [str(sorted(_kinds(rule.get("requires", {})))) for rule in config.get("rules", ())]


def _kinds(given: object) -> set[str]:
    if isinstance(given, dict):
        held = cast("Json", given)
        kinds = {
            key
            for key in held
            if key in ("allow_missing", "requires_all", "allow_missing_or_failed")
        }
        return kinds.union(*map(_kinds, held.values()))
    if isinstance(given, list):
        return set[str]().union(*map(_kinds, cast("list[object]", given)))
    return set()
