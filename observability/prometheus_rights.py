"""What Prometheus and its operator may do with the API server.

Their chart would have the operator read and write every Secret of the cluster, the key of the
mesh's certificate authority among them.

Source:
    https://github.com/prometheus-operator/prometheus-operator/blob/v0.93.1/Documentation/platform/rbac.md
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from observability.charts import KUBE_PROMETHEUS_STACK
from observability.place import Place
from observability.rights import account, role_ref

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


def granted(place: Place, scraped: Sequence[str]) -> Place:
    """Give both accounts their rights, and give the place where their pods may start.

    Args:
        place: Where they are.
        scraped: The namespaces whose pods Prometheus finds.
    """
    return place.after(
        *_allow(OPERATOR_ACCOUNT, _OPERATOR, place.namespace, place),
        *_see_own_namespace(place),
        *(
            each
            for namespace in scraped
            for each in _allow(PROMETHEUS_ACCOUNT, _PROMETHEUS, namespace, place)
        ),
    )


def _allow(
    name: str, rules: Sequence[Rule], namespace: str, place: Place
) -> Sequence[pulumi.Resource]:
    metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": namespace}
    role = kubernetes.rbac.v1.Role(
        f"{name}-{namespace}",
        metadata=metadata,
        rules=[
            {"api_groups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in rules
        ],
        opts=place.options,
    )
    binding = kubernetes.rbac.v1.RoleBinding(
        f"{name}-{namespace}",
        metadata=metadata,
        role_ref=role_ref("Role", name),
        subjects=[account(name, place)],
        opts=place.after(role).options,
    )
    return role, binding


def _see_own_namespace(place: Place) -> Sequence[pulumi.Resource]:
    """The operator asks whether it may without naming the namespace as one that a Role is in."""
    name = f"{OPERATOR_ACCOUNT}-namespace"
    role = kubernetes.rbac.v1.ClusterRole(
        name,
        metadata={"name": name},
        rules=[
            {
                "api_groups": [""],
                "resources": ["namespaces"],
                "resource_names": [place.namespace],
                "verbs": ["get"],
            }
        ],
        opts=place.options,
    )
    binding = kubernetes.rbac.v1.ClusterRoleBinding(
        name,
        metadata={"name": name},
        role_ref=role_ref("ClusterRole", name),
        subjects=[account(OPERATOR_ACCOUNT, place)],
        opts=place.after(role).options,
    )
    return role, binding
