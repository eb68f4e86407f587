"""A pod's containers, and which pods a label selector matches."""

from collections.abc import Iterator, Mapping
from typing import Any

from petmesh.guardrails.values import UNKNOWN, at, entries, found, may_be

_SORTS = ("initContainers[]", "containers[]", "ephemeralContainers[]")


def containers(path: str, spec: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """A pod's init, regular and ephemeral containers, each with its path."""
    for sort in _SORTS:
        yield from found(spec, sort, path)


def selects(selector: Any, labels: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a label selector matches pods with these labels: an empty one does, None doesn't.

    What isn't known yet may well match.

    Source:
        https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#labelselector-v1-meta
    """
    if selector is None:
        return False
    if UNKNOWN in (selector, labels, *(labels := entries(labels)).values()):
        return True
    wanted = entries(selector, "matchLabels")
    return all(may_be(value, labels.get(key)) for key, value in wanted.items()) and all(
        _matches(expression, labels) for _, expression in found(selector, "matchExpressions[]")
    )


def _matches(expression: Any, labels: Mapping[str, str]) -> bool:  # noqa: ANN401 (data)
    key, values = at(expression, "key"), at(expression, "values")
    if UNKNOWN in (key, values):
        return True
    within, there = labels.get(key) in (values or ()), key in labels
    operators = {"In": within, "NotIn": not within, "Exists": there, "DoesNotExist": not there}
    return operators.get(at(expression, "operator"), False)
