"""The namespace `observability`: its applications' labels, traffic and ServiceAccounts."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from istio.network import NetworkPeer, allow_traffic
from istio.pods import WorkloadPods

NAMESPACE = "observability"


def application(app: str) -> WorkloadPods:
    """An application's pods, by the label that its chart sets."""
    return WorkloadPods(NAMESPACE, app, {"app.kubernetes.io/name": app})


def neighbor(app: str, *ports: int) -> NetworkPeer:
    """An application of the namespace, with the TCP ports of the pods that are called."""
    return NetworkPeer.of(application(app), *ports)


def after(opts: pulumi.ResourceOptions, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
    """Options with more resources to depend on."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*resources]))


def allowed(
    app: str,
    opts: pulumi.ResourceOptions,
    callers: Sequence[NetworkPeer] = (),
    called: Sequence[NetworkPeer] = (),
) -> pulumi.ResourceOptions:
    """Declare an application's NetworkPolicy, and return the options of what starts its pods.

    Args:
        app: Its pods' label `app.kubernetes.io/name`.
        opts: The options of the application's resources.
        callers: Who may connect to it.
        called: What it may connect to, besides DNS.
    """
    return after(opts, allow_traffic(application(app), callers, called, opts))


def role_ref(kind: str, name: str) -> kubernetes.rbac.v1.RoleRefArgsDict:
    """A Role or a ClusterRole, as a binding names it."""
    return {"api_group": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def account(name: str) -> kubernetes.rbac.v1.SubjectArgsDict:
    """A ServiceAccount of the namespace, as a binding names it."""
    return {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}


def metadata(
    name: str, labels: Mapping[str, str] | None = None
) -> kubernetes.meta.v1.ObjectMetaArgsDict:
    """The metadata of an object in the namespace."""
    found: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": NAMESPACE}
    if labels:
        found["labels"] = labels
    return found
