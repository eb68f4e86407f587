"""Pods: the restricted Pod Security Standard, an identity of their own, and what keeps them up.

The namespace holds to the standard whatever makes a pod; a pod that is declared is held to it
here too, so that a preview tells. What no table lists of a pod is refused by name.

Source:
    https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy.podspec import containers, pod, selects
from policy.rules import resource_rule, stack_rule, unless
from policy.shape import ANY, KEPT, NO, OFF, ON, OPEN, UNLISTED, Shape, judge, known, only
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries, may_be, settings

_SYSCTLS = (
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
)
# Inline volumes' drivers that bring secrets, identities or buckets.
_DRIVERS = (
    "csi.cert-manager.io",
    "csi.spiffe.io",
    "gcsfuse.csi.storage.gke.io",
    "secrets-store-gke.csi.k8s.io",
    "secrets-store.csi.k8s.io",
)
# The proxy's user and group, whose traffic the mesh takes to be a proxy's and leaves as it is.
# https://istio.io/latest/docs/ops/deployment/application-requirements/
_PROXY = "1337"
_GOOGLE_ACCOUNT = "iam.gke.io/gcp-service-account"
_DAY = 86_400
_SELINUX = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("RuntimeDefault", "Localhost")
_PROFILE = {
    "type": only(None, *_PROFILES, mend="set it to RuntimeDefault"),
    "localhostProfile": ANY,
}
# What stays up, and so has to tell whether it is well.
_SERVING = ("Deployment", "StatefulSet", "DaemonSet")
# Of which a node's upgrade may take a pod away.
_EVICTED = ("Deployment", "StatefulSet")


def _not_root(path: str, user: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if str(user) in ("0", _PROXY):
        mend = "name a user other than root and the mesh's proxy, such as 65532"
        yield Trouble(path, user, mend)


def _ends(path: str, seconds: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if seconds is not None and seconds > _DAY:
        yield Trouble(path, seconds, f"set it to {_DAY} at the most: the kubelet renews it")


def _not_the_proxy(path: str, group: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if str(group) == _PROXY:
        yield Trouble(path, group, "name a group other than the mesh's proxy, such as 65532")


def _not_of_the_system(path: str, name: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if str(name).startswith("system-"):
        yield Trouble(path, name, "name a class of your own: these evict what runs the cluster")


_CONTEXT: Final[dict[str, Shape]] = {
    "runAsNonRoot": ANY,
    "runAsUser": _not_root,
    "runAsGroup": _not_the_proxy,
    "seccompProfile": _PROFILE,
    "appArmorProfile": _PROFILE,
    "seLinuxOptions": {
        "type": only(*_SELINUX),
        "user": only(None, ""),
        "role": only(None, ""),
        "level": ANY,
    },
    "windowsOptions": {"hostProcess": NO, **OPEN},
}
_ACTION: Final[dict[str, Shape]] = {
    "httpGet": {"host": only(None, ""), **OPEN},
    "tcpSocket": {"host": only(None, ""), **OPEN},
    **OPEN,
}
_CONTAINER: Final[dict[str, Shape]] = {
    **known("name image imagePullPolicy command args env envFrom resources resizePolicy"),
    **known("restartPolicy restartPolicyRules stdin stdinOnce tty workingDir targetContainerName"),
    **known("terminationMessagePath terminationMessagePolicy volumeDevices"),
    "volumeMounts[]": {"mountPropagation": only(None, "None", "HostToContainer"), **OPEN},
    "ports[]": {
        "hostPort": only(0, None, mend="remove it and use a Service"),
        "hostIP": only(None, ""),
        **OPEN,
    },
    "livenessProbe": _ACTION,
    "readinessProbe": _ACTION,
    "startupProbe": _ACTION,
    "lifecycle": {"postStart": _ACTION, "preStop": _ACTION, "stopSignal": ANY},
    "securityContext": {
        **_CONTEXT,
        "privileged": NO,
        "procMount": only(None, "Default"),
        "readOnlyRootFilesystem": KEPT,
        "allowPrivilegeEscalation": OFF,
        "capabilities": OPEN,
    },
}
_POD: Final[dict[str, Shape]] = {
    **known("activeDeadlineSeconds affinity dnsPolicy enableServiceLinks hostname hostUsers"),
    **known("automountServiceAccountToken imagePullSecrets nodeSelector os overhead"),
    **known("preemptionPolicy priority readinessGates resourceClaims resources restartPolicy"),
    **known("runtimeClassName schedulingGates serviceAccount serviceAccountName subdomain"),
    **known("setHostnameAsFQDN terminationGracePeriodSeconds tolerations"),
    **known("topologySpreadConstraints"),
    "initContainers[]": _CONTAINER,
    "containers[]": _CONTAINER,
    "ephemeralContainers[]": _CONTAINER,
    "dnsConfig": known("options searches"),
    "hostNetwork": NO,
    "hostPID": NO,
    "hostIPC": NO,
    "shareProcessNamespace": NO,
    "priorityClassName": _not_of_the_system,
    "schedulerName": only(None, "default-scheduler"),
    "securityContext": {
        **_CONTEXT,
        **known("fsGroup fsGroupChangePolicy seLinuxChangePolicy supplementalGroups"),
        "supplementalGroupsPolicy": ANY,
        "sysctls[]": {"name": only(*_SYSCTLS, mend="remove it: it isn't namespaced"), **OPEN},
    },
    "volumes[]": {
        **known("name configMap downwardAPI emptyDir persistentVolumeClaim secret"),
        "projected": {
            "sources[]": {"serviceAccountToken": {"expirationSeconds": _ends, **OPEN}, **OPEN},
            **OPEN,
        },
        "csi": {"driver": only(*_DRIVERS, None, mend=UNLISTED), **OPEN},
        "ephemeral": ANY,
    },
}


# What a chart's values say of its pods, wherever they do.
_OF_CHARTS: Final[dict[str, Shape]] = {
    **dict.fromkeys(("privileged", "allowPrivilegeEscalation"), OFF),
    **dict.fromkeys(("hostNetwork", "hostPID", "hostIPC"), OFF),
    "runAsNonRoot": ON,
    "runAsUser": _not_root,
}


def _restricted(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) == ("core", "PersistentVolume"):
        table: Shape = {
            **known("accessModes capacity claimRef csi mountOptions nodeAffinity"),
            **known("persistentVolumeReclaimPolicy storageClassName volumeMode"),
            "volumeAttributesClassName": ANY,
        }
        yield from judge(table, at(subject.properties, "spec"), "spec")
    if subject.api == "helm.sh":
        for field, key, value in settings(at(subject.properties, "values"), "values"):
            yield from judge(_OF_CHARTS.get(key, ANY), value, field)
    found = pod(subject)
    if found is None:
        return
    path, spec = found
    yield from judge(_POD, spec, path)
    for inner, container in containers(path, spec):
        yield from _container(f"{inner}.securityContext", at(container, "securityContext"), spec)


def _container(path: str, own: Any, spec: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """What Kubernetes' default isn't good enough for."""
    dropped = at(own, "capabilities.drop")
    if dropped is not UNKNOWN and "ALL" not in (dropped or ()):
        yield Trouble(f"{path}.capabilities.drop", dropped, 'set it to ["ALL"]')
    added = at(own, "capabilities.add")
    if added is not UNKNOWN and {*(added or ())} - {"NET_BIND_SERVICE"}:
        yield Trouble(f"{path}.capabilities.add", added, "add NET_BIND_SERVICE at the most")
    for field, allowed, mend in (
        ("runAsNonRoot", (True,), "set it to true, here or for the pod"),
        ("seccompProfile.type", _PROFILES, "set it to RuntimeDefault, here or for the pod"),
    ):
        holder = own if at(own, field) is not None else at(spec, "securityContext")
        yield from unless(holder, field, allowed, mend, within=path)


def _identity(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) == ("core", "ServiceAccount"):
        mend = "set it to false: a pod that calls the API server mounts a projected token"
        yield from unless(subject.properties, "automountServiceAccountToken", (False, None), mend)
        if at(subject.properties, "secrets"):
            mend = "remove it: a token in a Secret never ends"
            yield Trouble("secrets", at(subject.properties, "secrets"), mend)
        bound = entries(subject.properties, "metadata.annotations").get(_GOOGLE_ACCOUNT)
        if bound and subject.name == "default":
            mend = "bind an account of the workload's own: any pod may be without one"
            yield Trouble(f"metadata.annotations.{_GOOGLE_ACCOUNT}", bound, mend)
    if (subject.api, subject.kind) == ("core", "Secret"):
        mend = "remove it, and have a pod mount a projected token, which ends by itself"
        kind = at(subject.properties, "type")
        if kind in ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"):
            yield Trouble("type", kind, mend)
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
            # What the pod states as a whole holds for its containers together.
            stated = (at(each, f"resources.{field}") for each in (container, spec))
            if all(each is None for each in stated):
                mend = "state what the container needs, as measured under load"
                yield Trouble(f"{inner}.resources.{field}", None, mend)
        if subject.kind in _SERVING and ".containers[" in inner:
            for probe in ("readinessProbe", "livenessProbe"):
                if at(container, probe) is None:
                    yield Trouble(f"{inner}.{probe}", None, "add one that asks the process itself")


def _budgets(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    budgets = [each for each in subjects if each.kind == "PodDisruptionBudget"]
    workloads = [each for each in subjects if each.api == "apps" and each.kind in _EVICTED]
    for budget in budgets:
        covered = [each for each in workloads if _covers(budget, each)]
        pods = [_fewest(each, subjects) for each in covered]
        yield from ((budget, trouble) for trouble in _blocks(budget, pods))
    for workload in workloads:
        labels = at(workload.properties, _LABELS)
        if UNKNOWN in (workload.properties, labels):
            continue
        if not any(_covers(budget, workload) for budget in budgets):
            mend = "add a PodDisruptionBudget whose selector matches them"
            yield workload, Trouble(_LABELS, labels, mend)


_LABELS = "spec.template.metadata.labels"


def _fewest(workload: Subject, subjects: Sequence[Subject]) -> Any:  # noqa: ANN401 (data)
    """How many pods a workload has at the fewest: as it states, or as what scales it does."""
    for each in subjects:
        target = at(each.properties, "spec.scaleTargetRef")
        names = (at(target, "kind"), at(target, "name"))
        if each.kind == "HorizontalPodAutoscaler" and names == (workload.kind, workload.name):
            return at(each.properties, "spec.minReplicas") or 1
    return at(workload.properties, "spec.replicas") or 1


def _blocks(budget: Subject, pods: Sequence[Any]) -> Iterator[Trouble]:
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
            mend = "remove it and set maxUnavailable to 1, which holds for any number of pods"
            yield Trouble("spec.minAvailable", minimum, mend)
    elif str(maximum) in ("None", "0", "0%", "100%"):
        mend = "set it to 1: let one pod be away, or no node can ever be upgraded"
        yield Trouble("spec.maxUnavailable", maximum, mend)


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


RULES = (
    resource_rule(
        "pods-restricted",
        "Pods keep to the restricted Pod Security Standard; no other field of them is unknown.",
        "Pod Security Standards: restricted; CIS GKE 4.2.1",
        _restricted,
    ),
    resource_rule(
        "pods-have-their-own-account",
        "Pods run as a ServiceAccount of their own, and hold no token of the API server.",
        "CIS GKE 4.1.4, 4.1.5",
        _identity,
    ),
    resource_rule(
        "containers-are-looked-after",
        "Containers or their pod state requests and a memory limit; what serves has both probes.",
        "NSA/CISA Kubernetes Hardening Guide: resource policies",
        _looked_after,
    ),
    stack_rule(
        "workloads-have-a-budget",
        "Every Deployment and StatefulSet has a disruption budget that lets a node be upgraded.",
        "Google Cloud: GKE node upgrades",
        _budgets,
    ),
)
