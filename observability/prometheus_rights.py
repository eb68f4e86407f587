"""Roles of Prometheus and its operator.

Their chart would have the operator read and write every Secret of the cluster, the key of the
mesh's certificate authority among them.

Source:
    https://github.com/prometheus-operator/prometheus-operator/blob/v0.93.1/Documentation/platform/rbac.md
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from observability.charts import KUBE_PROMETHEUS_STACK
from observability.namespace import NAMESPACE, account, after, role_ref

# As the chart names them.
OPERATOR_ACCOUNT = f"{KUBE_PROMETHEUS_STACK.name}-operator"
PROMETHEUS_ACCOUNT = f"{KUBE_PROMETHEUS_STACK.name}-prometheus"
_MONITORING = "monitoring.coreos.com"
_LOOK = ("get", "list", "watch")
_KEEP = (*_LOOK, "create", "update", "delete")
_OBEYED = ("podmonitors", "probes", "prometheuses", "prometheusrules", "servicemonitors")

Rule = tuple[str, Sequence[str], Sequence[str]]
_OPERATOR: Sequence[Rule] = (
    (_MONITORING, _OBEYED, _LOOK),
    (_MONITORING, ["prometheuses/finalizers", "prometheuses/status"], ["patch", "update"]),
    ("apps", ["statefulsets"], _KEEP),
    ("", ["configmaps", "secrets"], _KEEP),
    ("", ["services"], ["get", "create", "update"]),
    ("", ["pods"], ["list", "delete"]),
)
_PROMETHEUS: Sequence[Rule] = (
    ("", ["endpoints", "pods", "services"], _LOOK),
    ("discovery.k8s.io", ["endpointslices"], _LOOK),
)


def granted(scraped: Sequence[str], opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Declare both accounts' Roles, and return the options of what starts their pods.

    Args:
        scraped: The namespaces whose pods Prometheus discovers.
        opts: The Roles' options.
    """
    return after(
        opts,
        *_allow(OPERATOR_ACCOUNT, _OPERATOR, NAMESPACE, opts),
        *_get_own_namespace(opts),
        *(
            each
            for namespace in scraped
            for each in _allow(PROMETHEUS_ACCOUNT, _PROMETHEUS, namespace, opts)
        ),
    )


def _allow(
    name: str, rules: Sequence[Rule], namespace: str, opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": namespace}
    role = kubernetes.rbac.v1.Role(
        f"{name}-{namespace}",
        metadata=metadata,
        rules=[
            {"api_groups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in rules
        ],
        opts=opts,
    )
    binding = kubernetes.rbac.v1.RoleBinding(
        f"{name}-{namespace}",
        metadata=metadata,
        role_ref=role_ref("Role", name),
        subjects=[account(name)],
        opts=after(opts, role),
    )
    return role, binding


def _get_own_namespace(opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
    """The operator checks this right without a namespace, so that no Role could grant it."""
    name = f"{OPERATOR_ACCOUNT}-namespace"
    role = kubernetes.rbac.v1.ClusterRole(
        name,
        metadata={"name": name},
        rules=[
            {
                "api_groups": [""],
                "resources": ["namespaces"],
                "resource_names": [NAMESPACE],
                "verbs": ["get"],
            }
        ],
        opts=opts,
    )
    binding = kubernetes.rbac.v1.ClusterRoleBinding(
        name,
        metadata={"name": name},
        role_ref=role_ref("ClusterRole", name),
        subjects=[account(OPERATOR_ACCOUNT)],
        opts=after(opts, role),
    )
    return role, binding
