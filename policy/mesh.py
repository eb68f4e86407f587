"""The mesh: mutual TLS, hosts by name, nothing outside but those, and routes that add up."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from policy.ranges import names_nobody
from policy.rules import Subject, Trouble, resource_rule, stack_rule, unless
from policy.supply import CHARTS
from policy.values import UNKNOWN, at, entries, items

_NETWORKING, _SECURITY = "networking.istio.io", "security.istio.io"
_STRICT = ("STRICT",)
_WHOLE = 100
_ANY = "*"
_REGISTRY = "REGISTRY_ONLY"
_ISTIOD = re.compile(r"(?:^|/)istiod$")
_IN_CLUSTER = ".svc.cluster.local"
_NO_WILDCARD = "name each host: a wildcard opens what nobody looked at"


def _is(subject: Subject, api: str, kind: str) -> bool:
    return subject.api == api and subject.kind == kind


def _peers(subject: Subject) -> Iterator[Trouble]:
    if not _is(subject, _SECURITY, "PeerAuthentication"):
        return
    mend = "set it to STRICT; a port that must take plaintext needs a workload outside the mesh"
    yield from unless(subject.properties, "spec.mtls.mode", _STRICT, mend)
    for port, mtls in entries(subject.properties, "spec.portLevelMtls").items():
        yield from unless(mtls, "mode", _STRICT, mend, within=f"spec.portLevelMtls.{port}")


def _client_tls(subject: Subject) -> Iterator[Trouble]:
    if not _is(subject, _NETWORKING, "DestinationRule"):
        return
    in_cluster = _in_cluster(at(subject.properties, "spec.host"), subject.namespace)
    for path, policy in _traffic_policies(subject.properties):
        mode = at(policy, "tls.mode")
        if mode == "DISABLE":
            mend = "remove it: the mesh's mutual TLS is the default"
            yield Trouble(f"{path}.tls.mode", mode, mend)
        elif mode in ("SIMPLE", "MUTUAL") and in_cluster:
            mend = "remove it or use ISTIO_MUTUAL: the service's sidecar takes the mesh's own TLS"
            yield Trouble(f"{path}.tls.mode", mode, mend)
        if at(policy, "tls.insecureSkipVerify") is True:
            mend = "remove it and name the certificate's subjectAltNames"
            yield Trouble(f"{path}.tls.insecureSkipVerify", value=True, mend=mend)


def _in_cluster(host: Any, namespace: str) -> bool:  # noqa: ANN401 (data)
    """Whether a host is a Service, or a wildcard that Services match."""
    if not isinstance(host, str):
        return False
    wildcard = host.startswith("*") and _IN_CLUSTER.endswith(host[1:])
    return wildcard or _full(host, namespace).endswith(_IN_CLUSTER)


def _traffic_policies(properties: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """A DestinationRule's traffic policies: the host's, its subsets', and each of their ports'."""
    holders = [("spec", at(properties, "spec")), *items(properties, "spec.subsets")]
    for path, holder in holders:
        policy = at(holder, "trafficPolicy")
        if isinstance(policy, dict):
            yield f"{path}.trafficPolicy", policy
            for inner, port in items(policy, "portLevelSettings"):
                yield f"{path}.trafficPolicy.{inner}", port


def _hosts(subject: Subject) -> Iterator[Trouble]:
    if subject.api != _NETWORKING:
        return
    if subject.kind == "ServiceEntry":
        yield from _wildcards(subject.properties, "spec.hosts")
        for path, address in items(subject.properties, "spec.addresses"):
            if names_nobody(address):
                yield Trouble(path, address, "name the hosts' own addresses, or none")
    elif subject.kind == "Gateway":
        for path, server in items(subject.properties, "spec.servers"):
            yield from _wildcards(server, "hosts", f"{path}.")
    elif subject.kind == "VirtualService":
        gateways = {gateway for _, gateway in items(subject.properties, "spec.gateways")}
        if gateways - {"mesh"}:
            yield from _wildcards(subject.properties, "spec.hosts")


def _wildcards(holder: Any, field: str, within: str = "") -> Iterator[Trouble]:  # noqa: ANN401
    for path, host in items(holder, field):
        # A Gateway's host may name a namespace first: `pets/pets.example.com`.
        if "*" in str(host).rpartition("/")[2]:
            yield Trouble(f"{within}{path}", host, _NO_WILDCARD)


def _outbound(subject: Subject) -> Iterator[Trouble]:
    mode, mend = "outboundTrafficPolicy.mode", "set it to REGISTRY_ONLY, and add a ServiceEntry"
    if _is(subject, _NETWORKING, "Sidecar"):
        yield from unless(subject.properties, f"spec.{mode}", (None, _REGISTRY), mend)
    elif subject.type in CHARTS and _ISTIOD.search(str(at(subject.properties, "chart"))):
        yield from unless(subject.properties, f"values.meshConfig.{mode}", (_REGISTRY,), mend)


def _routes(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    subsets = _subsets(subjects)
    for subject in subjects:
        if not _is(subject, _NETWORKING, "VirtualService"):
            continue
        for protocol in ("http", "tcp", "tls"):
            for path, route in items(subject.properties, f"spec.{protocol}"):
                for trouble in (
                    *_weights(path, route),
                    *_destinations(path, route, subject.namespace, subsets),
                ):
                    yield subject, trouble


def _weights(path: str, route: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    targets = [target for _, target in items(route, "route")]
    weights = [at(target, "weight") for target in targets]
    if not targets or UNKNOWN in weights or (len(targets) == 1 and weights[0] is None):
        return
    numbers = [weight or 0 for weight in weights]
    if sum(numbers) != _WHOLE or min(numbers) < 0:
        mend = f"make them add up to 100, not {sum(numbers)}: Istio takes any sum as the whole"
        yield Trouble(f"{path}.route[*].weight", numbers, mend)


def _destinations(
    path: str,
    route: Any,  # noqa: ANN401 (data)
    namespace: str,
    subsets: dict[str, set[str] | None],
) -> Iterator[Trouble]:
    targets = [*items(route, "route"), *items(route, "mirrors")]
    found = [(f"{inner}.destination", at(target, "destination")) for inner, target in targets]
    found.append(("mirror", at(route, "mirror")))
    for inner, destination in found:
        host, subset = at(destination, "host"), at(destination, "subset")
        if subset in (None, UNKNOWN) or host is UNKNOWN:
            continue
        known = subsets.get(_full(str(host), namespace), subsets.get(_ANY, set()))
        if known is not None and subset not in known:
            there = ", ".join(sorted(known)) or "none"
            mend = f"name a subset that a DestinationRule gives {host} ({there}), or add it there"
            yield Trouble(f"{path}.{inner}.subset", subset, mend)


def _subsets(subjects: Sequence[Subject]) -> dict[str, set[str] | None]:
    """Each host's subsets; None where they aren't known yet, for any host where it isn't either."""
    found: dict[str, set[str] | None] = {}
    for rule in subjects:
        if not _is(rule, _NETWORKING, "DestinationRule"):
            continue
        given = at(rule.properties, "spec.host")
        host = _ANY if given is UNKNOWN else _full(str(given), rule.namespace)
        names = {at(subset, "name") for _, subset in items(rule.properties, "spec.subsets")}
        unknown = UNKNOWN in (given, at(rule.properties, "spec.subsets"), *names)
        known = found.setdefault(host, set())
        found[host] = None if unknown or known is None else known | names
    return found


def _full(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot is a Service of the object's namespace."""
    return host if "." in host else f"{host}.{namespace}{_IN_CLUSTER}"


RULES = (
    resource_rule(
        "mutual-tls-is-strict",
        "Workloads take mutual TLS alone, on every port.",
        _peers,
    ),
    resource_rule(
        "tls-is-not-weakened",
        "No destination switches TLS off, replaces the mesh's or skips checking certificates.",
        _client_tls,
    ),
    resource_rule(
        "hosts-are-named",
        "A ServiceEntry, a Gateway and a public VirtualService name their hosts.",
        _hosts,
    ),
    resource_rule(
        "outside-is-registered",
        "What no ServiceEntry names is not reached, for the mesh and for each of its Sidecars.",
        _outbound,
    ),
    stack_rule(
        "routes-add-up",
        "A route's weights add up to 100, and its subsets exist.",
        _routes,
    ),
)
