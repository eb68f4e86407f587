"""What a stack may have though a rule refuses it, each with its reason: the one list to edit.

An entry names a resource as a message does, `Namespace istio-system`, and the field that the
message names; `*` stands for anything. Whoever adds
one says why it is no harm, and a reviewer reads it.

Example:
    Allowed(
        "DaemonSet monitoring/node-exporter",
        "spec.template.spec.host*",
        "it reads the node's own figures; its namespace holds nothing else",
    )
"""

import re
from dataclasses import dataclass
from typing import Final

from policy.subject import Subject, Trouble


@dataclass(frozen=True)
class Allowed:
    """Something that is allowed for a stated reason.

    Attributes:
        resource: Its kind, namespace and name, such as `DaemonSet monitoring/node-exporter`.
        field: The path, such as `spec.template.spec.hostNetwork`; `type` for a kind that no rule
            judges.
        reason: Why it is no harm.
    """

    resource: str
    field: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.resource}, {self.field}: state the reason")

    def covers(self, subject: Subject, trouble: Trouble) -> bool:
        """Whether trouble of a resource is what this allows."""
        return _like(self.resource, str(subject)) and _like(self.field, trouble.field)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


_OUTSIDE = "metadata.labels.istio-injection"
ALLOWED: Final[tuple[Allowed, ...]] = (
    Allowed("Namespace istio-system", _OUTSIDE, "istiod is the mesh's control plane"),
    Allowed("Namespace observability", _OUTSIDE, "Prometheus asks proxies by the mesh's own port"),
    Allowed("Namespace kube-*", _OUTSIDE, "what runs the cluster starts before the mesh"),
    Allowed("Namespace cert-manager", _OUTSIDE, "the API server calls its webhook without a proxy"),
    Allowed(
        "Namespace external-secrets", _OUTSIDE, "the API server calls its webhook without a proxy"
    ),
    Allowed(
        "Role observability/kube-prometheus-stack-operator",
        "rules[*].resources[secrets]",
        "Prometheus' operator writes its configuration to Secrets, in its own namespace alone",
    ),
    Allowed(
        "Gateway istio-ingress/public",
        "spec.*",
        "Google's load balancer before the ingress gateway: its HTTPRoutes name the hosts",
    ),
)
# Envoy's filters that an EnvoyFilter may add: they refuse or limit, and none lets anybody in.
ENVOY_FILTERS: Final = {
    "envoy.filters.http.local_ratelimit": "it limits what a proxy takes",
    "envoy.filters.network.connection_limit": "it limits a listener's connections",
    "envoy.filters.network.http_connection_manager": "timeouts and limits, merged into Istio's own",
}
