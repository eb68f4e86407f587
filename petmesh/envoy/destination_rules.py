"""The DestinationRule that holds for a caller's requests to a host."""

from collections.abc import Mapping, Sequence

from petmesh.envoy.mtls_mode import ROOT_NAMESPACE
from petmesh.envoy.names import Json, full_host, selects
from petmesh.mesh.istio.destination_rule import (
    ConsistentHash,
    DestinationRule,
    PolicyBlocks,
    PolicyRule,
    RetryBudget,
    Subset,
    TrafficPolicy,
)
from petmesh.mesh.mesh import Mesh

_BLOCKS = frozenset(PolicyBlocks.model_fields)


def rule_for(
    mesh: Mesh, host: str, client: str, labels: Mapping[str, str] | None = None
) -> DestinationRule | None:
    """Return the rule of a host for callers in a namespace; None if there is none.

    The caller's namespace comes first, then the host's, then the root namespace; in each, the rule
    of the host itself before that of the longest wildcard. Rules of one host in one namespace are
    merged: the first one's traffic policy, and the subsets of all; policies of the Gateway API fill
    in what none of them sets.

    Source:
        `destinationRule` in pilot/pkg/model/push_context.go, and `mergeDestinationRule` in
        pilot/pkg/model/destination_rule.go.

    Args:
        mesh: the objects that are visible to the caller.
        host: a fully qualified name.
        client: the caller's namespace.
        labels: of the caller's pods, for rules with a workloadSelector.
    """
    owner = _namespace_of(mesh, host)
    for namespace in dict.fromkeys((client, owner, ROOT_NAMESPACE)):
        declared = [
            each
            for each in mesh.destination_rules
            if each.metadata.namespace == namespace and _covers(_host(each), host)
        ]
        own = [
            each
            for each in declared
            if each.spec.workload_selector
            and namespace == client
            and selects(each.spec.workload_selector.match_labels, labels or {})
        ]
        general = [each for each in declared if each.spec.workload_selector is None]
        found = own or general
        if found:
            best = max((_host(each) for each in found), key=_specificity)
            return _merged([each for each in found if _host(each) == best])
    return None


def policy_for(
    rule: DestinationRule | None, subset: Subset | None, port: int
) -> tuple[PolicyBlocks, RetryBudget | None]:
    """Return the effective policy of a host's port, or of a subset there.

    A port's own policy replaces the one around it; the subset's fields override what the rule says
    for the port (`applyDestinationRule` in pilot/pkg/networking/core/cluster_builder.go).
    """
    outer = rule.spec.traffic_policy if rule else None
    inner = subset.traffic_policy if subset else None
    merged = _at_port(outer, port) or outer or TrafficPolicy()
    budget = merged.retry_budget if isinstance(merged, TrafficPolicy) else None
    if inner:
        blocks = {name: getattr(inner, name) for name in inner.model_fields_set & _BLOCKS}
        merged = _at_port(inner, port) or merged.model_copy(update=blocks)
        budget = inner.retry_budget or budget
    return merged, budget


def _at_port(policy: TrafficPolicy | None, port: int) -> PolicyBlocks | None:
    settings = policy.port_level_settings if policy else ()
    return next((each for each in settings if each.port.number == port), None)


def hash_policies(mesh: Mesh, host: str, client: str, port: int) -> list[Json]:
    """Return what of a request selects the pod of a host, where its rule says so."""
    policy, _ = policy_for(rule_for(mesh, host, client), None, port)
    hashed = policy.load_balancer.consistent_hash if policy.load_balancer else None
    return [_hash(hashed)] if hashed else []


def _hash(hashed: ConsistentHash) -> Json:
    if hashed.http_header_name:
        return {"header": {"header_name": hashed.http_header_name}}
    if hashed.http_query_parameter_name:
        return {"query_parameter": {"name": hashed.http_query_parameter_name}}
    if hashed.http_cookie:
        cookie: Json = {"name": hashed.http_cookie.name}
        if hashed.http_cookie.path:
            cookie["path"] = hashed.http_cookie.path
        if hashed.http_cookie.ttl is not None:
            cookie["ttl"] = f"{hashed.http_cookie.ttl:g}s"
        return {"cookie": cookie}
    return {"connection_properties": {"source_ip": True}}


def _host(rule: DestinationRule) -> str:
    return full_host(rule.spec.host, rule.metadata.namespace)


def _covers(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def _specificity(pattern: str) -> tuple[bool, int]:
    return not pattern.startswith("*"), len(pattern)


def _merged(rules: list[DestinationRule]) -> DestinationRule:
    # istiod merges policies of the Gateway API beneath the rules that people write.
    first, *others = sorted(rules, key=lambda each: isinstance(each, PolicyRule))
    subsets = {subset.name: subset for subset in first.spec.subsets}
    policy = first.spec.traffic_policy
    for other in others:
        filled = isinstance(other, PolicyRule) and not isinstance(first, PolicyRule)
        beneath = other.spec.traffic_policy
        policy = _filled(policy, beneath) if filled and policy and beneath else policy or beneath
        for subset in other.spec.subsets:
            subsets.setdefault(subset.name, subset)
    spec = first.spec.model_copy(
        update={"subsets": tuple(subsets.values()), "traffic_policy": policy}
    )
    return first.model_copy(update={"spec": spec})


def united(rules: Sequence[DestinationRule]) -> list[DestinationRule]:
    """Return rules in which policies of the Gateway API stand beneath the rules for their host.

    istiod reads them so where it can't tell who made a rule.
    """
    found = [each for each in rules if not isinstance(each, PolicyRule)]
    for policy in rules:
        if not isinstance(policy, PolicyRule):
            continue
        own = [
            each
            for each in found
            if each.metadata.namespace == policy.metadata.namespace
            and _host(each) == _host(policy)
            and each.spec.workload_selector is None
        ]
        if not own:
            found.append(policy)
            continue
        # Of several rules the first one's traffic policy holds.
        over = next((each for each in own if each.spec.traffic_policy), own[0])
        found[found.index(over)] = _merged([over, policy])
    return found


def _filled(policy: TrafficPolicy, beneath: TrafficPolicy) -> TrafficPolicy:
    """Return a policy with what another has for the fields and ports that it doesn't set."""
    ports = {each.port.number: each for each in policy.port_level_settings}
    for each in beneath.port_level_settings:
        own = ports.get(each.port.number)
        ports[each.port.number] = own.model_copy(update=_gaps(own, each)) if own else each
    update: dict[str, object] = _gaps(policy, beneath)
    return policy.model_copy(update={**update, "port_level_settings": tuple(ports.values())})


def _gaps(policy: PolicyBlocks, beneath: PolicyBlocks) -> dict[str, object]:
    return {name: getattr(beneath, name) for name in _BLOCKS if getattr(policy, name) is None}


def _namespace_of(mesh: Mesh, host: str) -> str:
    for service in mesh.services:
        if mesh.service_host(service) == host:
            return service.metadata.namespace
    for entry in mesh.service_entries:
        if host in entry.spec.hosts:
            return entry.metadata.namespace
    return ROOT_NAMESPACE
