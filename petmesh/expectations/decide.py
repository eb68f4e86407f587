"""Which object decided about a request, from its hops."""

import re
from collections.abc import Sequence
from typing import Final

from petmesh.envoy.mtls_mode import mtls_mode
from petmesh.envoy.names import cluster_parts
from petmesh.envoy.rbac import policies_of
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop

_RULE: Final = re.compile(r"ns\[(?P<namespace>.*)\]-policy\[(?P<name>.*)\]-rule\[(?P<rule>\d+)\]")
_DENIED: Final = re.compile(r"rbac_access_denied_matched_policy\[(.*)\]")
# Why TLS to a server failed, in which Envoy has written spaces as underscores.
_TLS_ERROR: Final = re.compile(r"TLS_error:\|\d+:SSL_routines:OPENSSL_internal:(.*):TLS_error_end")
# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
_FLAGS: Final = {
    "NR": "no route",
    "NC": "no cluster of the route's destination",
    "UH": "no healthy pod",
    "UF": "the connection failed",
    "UC": "the connection ended early",
    "UO": "a limit of the DestinationRule's connectionPool",
    "UT": "the route's timeout",
    "URX": "the retries are used up",
    "FI": "the route's fault.abort",
    "DI": "the route's fault.delay",
    "RL": "a rate limit",
    "DC": "the caller went away",
    "UAEX": "the external authorizer of a CUSTOM AuthorizationPolicy",
}


def rule_of(identity: str) -> tuple[str, str] | None:
    """Return the AuthorizationPolicy and its rule of a name that istiod gives; else None."""
    found = _RULE.search(identity)
    if not found:
        return None
    policy = f"AuthorizationPolicy {found['namespace']}/{found['name']}"
    return policy, f"rules[{found['rule']}]"


def decided(mesh: Mesh, hops: Sequence[Hop], first: str) -> str:
    """Return in one line which objects decided about a request, in its order.

    Args:
        mesh: the declared objects.
        hops: of the request and of those that it led to, in any order.
        first: the proxy that the request passed first.
    """
    callers = [hop for hop in hops if is_caller(hop) and hop.proxy == first]
    # A gateway on the way out of the mesh.
    callers += [hop for hop in hops if hop.listener.startswith("gateway") and hop.proxy != first]
    ends = {first, *(hop.endpoint for hop in callers)}
    called = [hop for hop in hops if not is_caller(hop) and hop.proxy in ends]
    if not callers and not called:
        return _refused(mesh, first)
    decisions = [step for hop in (*callers, *called) for step in steps(mesh, hop)]
    return "; ".join(dict.fromkeys(decisions)) or f"no object at {first}"


def steps(mesh: Mesh, hop: Hop) -> list[str]:
    """Return what one proxy decided, in its order; nothing where a request just came in."""
    return _routed(mesh, hop) if is_caller(hop) else _accepted(mesh, hop)


def is_caller(hop: Hop) -> bool:
    """Return whether a proxy called others in a hop, and not its own pod's process."""
    return not hop.listener.startswith("inbound")


def _refused(mesh: Mesh, pod: str) -> str:
    """Return why a pod's proxy logs no request of a connection."""
    for workload in mesh.workloads:
        if pod.rpartition("-")[0] == workload.name and workload.in_mesh:
            mode = mtls_mode(mesh, workload.namespace, workload.labels)
            if mode == "STRICT":
                return f"no connection at {pod}: PeerAuthentication asks for mutual TLS (STRICT)"
    return f"no proxy logged it: no connection at {pod}"


def _routed(mesh: Mesh, hop: Hop) -> list[str]:
    steps = [_denied(mesh, hop)] if _DENIED.search(hop.details) else []
    if hop.object:
        to = f" → {hop.endpoint or _destination(hop.cluster)}" if hop.cluster else ""
        steps.append(f"{hop.object} {hop.part}{to}")
    elif hop.cluster:
        steps.append(f"no VirtualService → {hop.endpoint or _destination(hop.cluster)}")
    elif not steps:
        steps.append(f"no object declares {hop.authority}{hop.path} for {hop.proxy}")
    return [*steps, *_flags(hop)]


def _accepted(mesh: Mesh, hop: Hop) -> list[str]:
    if _DENIED.search(hop.details):
        return [_denied(mesh, hop)]
    return _flags(hop)


def _denied(mesh: Mesh, hop: Hop) -> str:
    found = _DENIED.search(hop.details)
    rule = rule_of(found[1]) if found else None
    if rule:
        return f"{rule[0]} {rule[1]} denied at {hop.proxy}"
    workload = hop.proxy.rpartition("-")[0]
    names = [
        f"{policy.metadata.namespace}/{policy.metadata.name}"
        for each in (*mesh.workloads, *mesh.gateway_proxies)
        if each.name in (workload, hop.proxy)
        for policy in policies_of(mesh, each.namespace, each.labels)
        if policy.spec.action == "ALLOW"
    ]
    return f"no rule of AuthorizationPolicy {', '.join(names) or '?'} allowed it at {hop.proxy}"


def _flags(hop: Hop) -> list[str]:
    known = [_FLAGS[flag] for flag in hop.flags.split(",") if flag in _FLAGS]
    steps = [f"{text} at {hop.proxy}" for text in known]
    failed = _TLS_ERROR.search(hop.details)
    return [*steps, f"TLS: {failed[1].replace('_', ' ')}"] if failed else steps


def _destination(cluster: str) -> str:
    """Return host, port and subset of istiod's name of a cluster."""
    host, port, subset = cluster_parts(cluster)
    return f"{host}:{port}" + (f" subset {subset}" if subset else "")
