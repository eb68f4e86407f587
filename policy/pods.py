"""Pods: the restricted Pod Security Standard, an identity of their own, and what keeps them up.

Source:
    https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Sequence
from typing import Any

from policy.podspec import containers, pod, selects
from policy.rules import Subject, Trouble, resource_rule, stack_rule, unless
from policy.values import UNKNOWN, at, items

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
_SELINUX = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("RuntimeDefault", "Localhost")
# What stays up, and so has to tell whether it is well.
_SERVING = ("Deployment", "StatefulSet", "DaemonSet")
# Of which a node's upgrade may take a pod away.
_EVICTED = ("Deployment", "StatefulSet")


def _restricted(subject: Subject) -> Iterator[Trouble]:
    found = pod(subject)
    if found is None:
        return
    path, spec = found
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        yield from unless(spec, field, (False, None), "remove it", within=path)
    for inner, volume in items(spec, "volumes"):
        for sort in sorted({*volume} - _VOLUMES - {"name"}):
            mend = f"use one of {', '.join(sorted(_VOLUMES))}"
            yield Trouble(f"{path}.{inner}.{sort}", volume[sort], mend)
    for inner, sysctl in items(spec, "securityContext.sysctls"):
        yield from unless(
            sysctl, "name", _SYSCTLS, "remove it: it isn't namespaced", within=f"{path}.{inner}"
        )
    yield from _context(f"{path}.securityContext", at(spec, "securityContext"))
    for inner, container in containers(path, spec):
        yield from _container(inner, container, spec)


def _context(path: str, context: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """What holds for a pod's security context and a container's alike."""
    for field, allowed, mend in (
        ("windowsOptions.hostProcess", (False, None), "remove it"),
        ("seLinuxOptions.type", _SELINUX, "remove it"),
        ("seLinuxOptions.user", (None, ""), "remove it"),
        ("seLinuxOptions.role", (None, ""), "remove it"),
        ("appArmorProfile.type", (None, *_PROFILES), "set it to RuntimeDefault"),
    ):
        yield from unless(context, field, allowed, mend, within=path)
    if at(context, "runAsUser") == 0:
        yield Trouble(f"{path}.runAsUser", 0, "name a user other than root, such as 65532")


def _container(path: str, container: Any, spec: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    context = f"{path}.securityContext"
    own = at(container, "securityContext")
    yield from _context(context, own)
    yield from unless(own, "privileged", (False, None), "remove it", within=context)
    yield from unless(own, "procMount", (None, "Default"), "remove it", within=context)
    yield from unless(own, "allowPrivilegeEscalation", (False,), "set it to false", within=context)
    yield from _capabilities(f"{context}.capabilities", at(own, "capabilities"))
    for field, allowed, mend in (
        ("runAsNonRoot", (True,), "set it to true, here or for the pod"),
        ("seccompProfile.type", _PROFILES, "set it to RuntimeDefault, here or for the pod"),
    ):
        holder = own if at(own, field) is not None else at(spec, "securityContext")
        yield from unless(holder, field, allowed, mend, within=context)
    for inner, port in items(container, "ports"):
        mend = "remove it and use a Service"
        yield from unless(port, "hostPort", (0, None), mend, within=f"{path}.{inner}")
    for probe in (
        *("livenessProbe", "readinessProbe", "startupProbe"),
        *("lifecycle.postStart", "lifecycle.preStop"),
    ):
        for action in ("httpGet", "tcpSocket"):
            host = f"{probe}.{action}.host"
            yield from unless(container, host, (None, ""), "remove it", within=path)


def _capabilities(path: str, capabilities: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    dropped, added = at(capabilities, "drop"), at(capabilities, "add")
    if dropped is not UNKNOWN and "ALL" not in (dropped or ()):
        yield Trouble(f"{path}.drop", dropped, 'set it to ["ALL"]')
    if added is not UNKNOWN and {*(added or ())} - {"NET_BIND_SERVICE"}:
        yield Trouble(f"{path}.add", added, "add NET_BIND_SERVICE at the most")


def _identity(subject: Subject) -> Iterator[Trouble]:
    found = pod(subject)
    if found is None:
        return
    path, spec = found
    account = at(spec, "serviceAccountName")
    if account in (None, "", "default"):
        mend = "name a ServiceAccount of the workload's own: mutual TLS tells callers apart by it"
        yield Trouble(f"{path}.serviceAccountName", account, mend)
    yield from unless(
        spec,
        "automountServiceAccountToken",
        (False,),
        "set it to false, or mount a projected token where the API server is really called",
        within=path,
    )


def _looked_after(subject: Subject) -> Iterator[Trouble]:
    found = pod(subject)
    if found is None:
        return
    path, spec = found
    for inner, container in containers(path, spec):
        for field in ("requests.cpu", "requests.memory", "limits.memory"):
            if at(container, f"resources.{field}") is None:
                mend = "state what the container needs, as measured under load"
                yield Trouble(f"{inner}.resources.{field}", None, mend)
        if subject.kind in _SERVING and ".containers[" in inner:
            for probe in ("readinessProbe", "livenessProbe"):
                if at(container, probe) is None:
                    yield Trouble(f"{inner}.{probe}", None, "add one that asks the process itself")


def _budgets(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    budgets = [each for each in subjects if each.kind == "PodDisruptionBudget"]
    for budget in budgets:
        yield from ((budget, trouble) for trouble in _blocks(budget))
    for workload in subjects:
        if workload.api == "apps" and workload.kind in _EVICTED:
            labels = at(workload.properties, "spec.template.metadata.labels")
            if UNKNOWN in (workload.properties, labels):
                continue
            if not any(_covers(budget, workload, labels or {}) for budget in budgets):
                mend = "add a PodDisruptionBudget whose selector matches them"
                yield workload, Trouble("spec.template.metadata.labels", labels, mend)


def _blocks(budget: Subject) -> Iterator[Trouble]:
    """What may hold up every upgrade of a node: a minimum does, once there are as few pods.

    Source:
        https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget
    """
    spec = at(budget.properties, "spec")
    minimum, maximum = at(spec, "minAvailable"), at(spec, "maxUnavailable")
    if minimum is not None and minimum is not UNKNOWN:
        mend = "remove it and set maxUnavailable to 1, which holds for any number of pods"
        yield Trouble("spec.minAvailable", minimum, mend)
    elif maximum in (None, 0, "0", "0%"):
        mend = "set it to 1: let one pod be away, or no node can ever be upgraded"
        yield Trouble("spec.maxUnavailable", maximum, mend)


def _covers(budget: Subject, workload: Subject, labels: dict[str, Any]) -> bool:
    """Whether a budget is for a workload's pods; one that isn't known yet may well be."""
    selector = at(budget.properties, "spec.selector")
    namespace = at(workload.properties, "metadata.namespace")
    together = namespace is UNKNOWN or budget.may_be_in(workload.namespace)
    return selector is UNKNOWN or (together and selects(selector, labels))


RULES = (
    resource_rule(
        "pods-restricted",
        "Pods keep to the restricted Pod Security Standard.",
        _restricted,
    ),
    resource_rule(
        "pods-have-their-own-account",
        "Pods run as a ServiceAccount of their own, and hold no token of the API server.",
        _identity,
    ),
    resource_rule(
        "containers-are-looked-after",
        "Containers state requests and a memory limit; what serves has both probes.",
        _looked_after,
    ),
    stack_rule(
        "workloads-have-a-budget",
        "Every Deployment and StatefulSet has a disruption budget that lets a node be upgraded.",
        _budgets,
    ),
)
