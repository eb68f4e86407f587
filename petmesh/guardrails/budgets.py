"""PodDisruptionBudgets: each Deployment and StatefulSet has one, which lets a node be upgraded."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from petmesh.guardrails.podspec import selects
from petmesh.guardrails.rules import check_stack
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, may_be

_LABELS = "spec.template.metadata.labels"
_SCALED = ("spec.scaleTargetRef.kind", "spec.scaleTargetRef.name", "metadata.namespace")
# Of which a node's upgrade may take a pod away.
_EVICTED = ("apps/Deployment", "apps/StatefulSet")


@check_stack("workloads-have-a-budget")
def _budgets(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
    budgets = [each for each in subjects if each.of == "policy/PodDisruptionBudget"]
    workloads = [each for each in subjects if each.of in _EVICTED]
    for budget in budgets:
        pods = [_fewest(each, subjects) for each in workloads if _covers(budget, each)]
        yield from ((budget, violation) for violation in _blocks(budget, pods))
    for workload in workloads:
        labels = at(workload.properties, _LABELS)
        if labels is not UNKNOWN and not any(_covers(budget, workload) for budget in budgets):
            fix = "add a PodDisruptionBudget whose selector matches them"
            yield workload, Violation(_LABELS, labels, fix)


def _fewest(workload: Subject, subjects: Sequence[Subject]) -> Any:  # noqa: ANN401 (data)
    """How many pods a workload has at the fewest: as it states, or as what scales it does."""
    wanted = [workload.kind, workload.name, at(workload.properties, "metadata.namespace")]
    for each in subjects:
        scaled = [at(each.properties, path) for path in _SCALED]
        is_its_own = all(a is UNKNOWN or may_be(b, a) for a, b in zip(scaled, wanted, strict=True))
        if each.kind == "HorizontalPodAutoscaler" and is_its_own:
            return (at(each.properties, "spec.minReplicas") or 1) if scaled == wanted else UNKNOWN
    return at(workload.properties, "spec.replicas") or 1


def _blocks(budget: Subject, pods: Sequence[Any]) -> Iterator[Violation]:
    """What may hold up every upgrade of a node: a minimum does, once there are as few pods.

    Source:
        https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget
    """
    spec = at(budget.properties, "spec")
    minimum, maximum = at(spec, "minAvailable"), at(spec, "maxUnavailable")
    if UNKNOWN in (minimum, maximum):
        return
    if minimum is not None:
        if not pods or not all(each is UNKNOWN or _quorum(minimum, each) for each in pods):
            fix = "remove it and set maxUnavailable to 1, which holds for any number of pods"
            yield Violation("spec.minAvailable", minimum, fix)
    elif str(maximum) in ("None", "0", "0%", "100%"):
        fix = "set it to 1: let one pod be away, or no node can ever be upgraded"
        yield Violation("spec.maxUnavailable", maximum, fix)


def _quorum(minimum: Any, pods: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a minimum, a number or a percentage, leaves a pod of so many to be away."""
    text = str(minimum)
    share = text.removesuffix("%")
    if not share.isdecimal():
        return False
    return (math.ceil(int(share) * pods / 100) if text.endswith("%") else int(share)) < pods


def _covers(budget: Subject, workload: Subject) -> bool:
    """Whether a budget is for a workload's pods; one that isn't known yet may well be."""
    labels: Mapping[str, Any] = at(workload.properties, _LABELS) or {}
    selector = at(budget.properties, "spec.selector")
    namespace = at(workload.properties, "metadata.namespace")
    together = namespace is UNKNOWN or budget.may_be_in(workload.namespace)
    return may_be(selector) or (together and selects(selector, labels))
