"""Where Kubernetes' kinds hold their pods, and which pods a selector means."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.subject import Subject
from policy.values import UNKNOWN, at, entries, items, may_be

_TEMPLATE = "spec.template.spec"
_PATHS = {
    ("core", "Pod"): "spec",
    ("core", "PodTemplate"): "template.spec",
    ("core", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): "spec.jobTemplate.spec.template.spec",
}


def pod(subject: Subject) -> tuple[str, Any] | None:
    """A workload's pod spec with its path; None for what runs no pods or isn't known yet."""
    path = _PATHS.get((subject.api, subject.kind))
    spec = at(subject.properties, path) if path else None
    return None if path is None or spec is None or spec is UNKNOWN else (path, spec)


def template(subject: Subject) -> str:
    """The path of a workload's pod template; empty for what has none."""
    return _PATHS.get((subject.api, subject.kind), "").rpartition(".")[0]


def containers(path: str, spec: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """A pod's containers of every sort, each with its path."""
    for sort in ("initContainers", "containers", "ephemeralContainers"):
        for inner, container in items(spec, sort):
            yield f"{path}.{inner}", container


def selects(selector: Any, labels: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a label selector means pods with these labels: an empty one does, none doesn't.

    What isn't known yet may well match.

    Source:
        https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#labelselector-v1-meta
    """
    if selector is None:
        return False
    if UNKNOWN in (selector, labels, *labels.values()):
        return True
    wanted = entries(selector, "matchLabels")
    return all(may_be(value, labels.get(key)) for key, value in wanted.items()) and all(
        _matches(expression, labels) for _, expression in items(selector, "matchExpressions")
    )


def _matches(expression: Any, labels: Mapping[str, str]) -> bool:  # noqa: ANN401 (data)
    key, values = at(expression, "key"), [value for _, value in items(expression, "values")]
    if UNKNOWN in (key, at(expression, "values")):
        return True
    match at(expression, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False
