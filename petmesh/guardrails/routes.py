"""VirtualServices: weights add up to 100, and destination hosts and subsets exist."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from petmesh.guardrails.mesh import IN_CLUSTER, full
from petmesh.guardrails.rules import check_stack
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, found, held, members

_ANY = "*"
# Each host's subsets; None where they aren't known yet, for any host where it isn't either.
_Subsets = Mapping[str, set[str] | None]


@check_stack("routes-add-up")
def _routes(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
    subsets = _subsets(subjects)
    registered = [each for each in subjects if each.of == "networking.istio.io/ServiceEntry"]
    hosts = (at(each.properties, "spec.hosts") for each in registered)
    outside = [host for each in hosts for host in members(each) or [each]]
    for subject in subjects:
        for protocol in ("http", "tcp", "tls"):
            if subject.of == "networking.istio.io/VirtualService":
                for path, route in found(subject.properties, f"spec.{protocol}[]"):
                    yield from ((subject, each) for each in _weights(path, route))
                    for key in ("route[].destination", "mirrors[].destination", "mirror"):
                        for where, target in found(route, key, path):
                            for violation in _target(where, target, subject, subsets):
                                yield subject, violation
                            host = at(target, "host")
                            if isinstance(host, str) and not _exists(host, outside):
                                fix = "add a ServiceEntry for it, or name a Service"
                                yield subject, Violation(f"{where}.host", host, fix)


def _weights(path: str, route: Any) -> Iterator[Violation]:  # noqa: ANN401 (data)
    weights = [weight for _, weight in found(route, "route[].weight")]
    if not weights or UNKNOWN in weights or weights == [None]:
        return
    numbers = [int(text) if (text := str(weight or 0)).isdecimal() else -1 for weight in weights]
    if sum(numbers) != 100 or min(numbers) < 0:  # noqa: PLR2004 (per cent)
        fix = f"make them add up to 100, not {sum(numbers)}: Istio takes any sum as the whole"
        yield Violation(f"{path}.route[*].weight", weights, fix)


def _target(path: str, target: Any, route: Subject, subsets: _Subsets) -> Iterator[Violation]:  # noqa: ANN401
    host, subset = _named(at(target, "host"), route), at(target, "subset")
    if subset in (None, UNKNOWN) or host is UNKNOWN:
        return
    known = _subsets_of(full(str(host), route.namespace), subsets)
    if known is not None and str(subset) not in known:
        there = ", ".join(sorted(known)) or "none"
        fix = f"name a subset that a DestinationRule gives {host} ({there}), or add it there"
        yield Violation(f"{path}.subset", subset, fix)


def _named(host: Any, within: Subject) -> Any:  # noqa: ANN401 (data)
    """A host; not known either where it is a short name in a namespace that isn't."""
    namespace = at(within.properties, "metadata.namespace")
    return UNKNOWN if namespace is UNKNOWN and "." not in str(host) else host


def _exists(host: str, outside: Sequence[Any]) -> bool:
    """Whether a host is a Service, or one that a ServiceEntry has or may well have."""
    named = any(each is UNKNOWN or fnmatchcase(host, str(each)) for each in outside)
    return named or full(host, "").endswith(IN_CLUSTER)


def _subsets_of(host: str, subsets: _Subsets) -> set[str] | None:
    """A host's subsets, by the rule whose host is the longest that matches it, as Istio has it."""
    matching = [
        each
        for each in subsets
        if each == host or (each.startswith("*") and host.endswith(each[1:]))
    ]
    return subsets[max(matching, key=len)] if matching else set()


def _subsets(subjects: Sequence[Subject]) -> _Subsets:
    all_of: dict[str, set[str] | None] = {}
    for rule in subjects:
        if rule.of != "networking.istio.io/DestinationRule":
            continue
        given = _named(at(rule.properties, "spec.host"), rule)
        host = _ANY if given is UNKNOWN else full(str(given), rule.namespace)
        names = [at(each, "name") for each in held(rule.properties, "spec.subsets")]
        unknown = UNKNOWN in (given, *names)
        known = all_of.setdefault(host, set())
        all_of[host] = None if unknown or known is None else known | {*map(str, names)}
    return all_of
