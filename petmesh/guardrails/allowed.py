"""What a stack may have though a rule refuses it, each with its reason: the one list to edit.

docs/guard-rails.md has an example.
"""

import re
from dataclasses import dataclass
from typing import Final

from petmesh.guardrails.subject import Subject, Trouble


@dataclass(frozen=True)
class Allowed:
    """Something that is allowed for a stated reason.

    Attributes:
        resource: As a message names it, such as `DaemonSet monitoring/node-exporter`; `*` stands
            for anything, in the field too.
        field: The path, such as `spec.template.spec.hostNetwork`; `type` for a kind that no rule
            judges.
        reason: Why it is no harm.
        value: What the field holds; empty for nothing.
    """

    resource: str
    field: str
    reason: str
    value: str = "*"

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.resource}, {self.field}: state the reason")

    def covers(self, subject: Subject, trouble: Trouble) -> bool:
        """Whether trouble of a resource is what this allows."""
        value = "" if trouble.value is None else str(trouble.value)
        return (
            _like(self.resource, str(subject))
            and _like(self.field, trouble.field)
            and _like(self.value, value)
        )


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


_OUTSIDE: Final = {
    "istio-system": "istiod is the mesh's control plane",
    "observability": "Prometheus asks proxies by the mesh's own port",
    **dict.fromkeys(
        ("kube-system", "kube-public", "kube-node-lease"),
        "what runs the cluster starts before the mesh",
    ),
    "cert-manager": "the API server calls its webhook without a proxy",
    "external-secrets": "the API server calls its webhook without a proxy",
}
ALLOWED: Final[tuple[Allowed, ...]] = (
    *(
        Allowed(f"Namespace {name}", "metadata.labels.istio-injection", reason)
        for name, reason in _OUTSIDE.items()
    ),
    Allowed(
        "Role observability/kube-prometheus-stack-operator",
        "rules[*].resources[secrets]",
        "Prometheus' operator writes its configuration to Secrets, in its own namespace alone",
    ),
    Allowed(
        "NetworkPolicy istio-system/istiod",
        "spec.ingress[0].from",
        "the API server calls its webhook from an address that no stack knows",
        "",
    ),
    *(
        Allowed("Service istio-ingress/istio-ingressgateway", field, "it is the way in", value)
        for field, value in (("spec.type", "LoadBalancer"), ("metadata.annotations", "*"))
    ),
    *(
        Allowed(
            "Gateway istio-ingress/public",
            field,
            "Google's load balancer before the ingress gateway: its HTTPRoutes name the hosts",
            value,
        )
        for field, value in (
            ("spec.gatewayClassName", "gke-l7-global-external-managed"),
            ("spec.listeners[*].hostname", ""),
        )
    ),
)
# Envoy's filters that an EnvoyFilter may add: they refuse or limit, and none lets anybody in.
ENVOY_FILTERS: Final = {
    "envoy.filters.http.local_ratelimit": "it limits what a proxy takes",
    "envoy.filters.network.connection_limit": "it limits a listener's connections",
    "envoy.filters.network.http_connection_manager": "timeouts and limits, merged into Istio's own",
}
