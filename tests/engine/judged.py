"""A setting and a closed namespace, for the guard-rails to judge: config says what they hold."""

from typing import Any

import pulumi


class Declared(pulumi.ComponentResource):
    """An object that no provider makes: the engine has it judged like any other."""

    def __init__(self, type_: str, **properties: Any) -> None:  # noqa: ANN401 (data)
        super().__init__(f"kubernetes:{type_}", "tried", properties)
        self.register_outputs(properties)


config = pulumi.Config("petmesh")
Declared("core/v1:ConfigMap", data={config.require("setting"): "hunter2"})
Declared(
    "core/v1:Namespace",
    metadata={
        "name": "pets",
        "labels": {
            "istio-injection": "enabled",
            "pod-security.kubernetes.io/enforce": "restricted",
        },
    },
)
Declared(
    "networking.k8s.io/v1:NetworkPolicy",
    metadata={"namespace": "pets"},
    spec={"podSelector": {}, "policyTypes": config.require_object("closed")},
)
Declared("security.istio.io/v1:AuthorizationPolicy", metadata={"namespace": "pets"}, spec={})
Declared(
    "security.istio.io/v1:PeerAuthentication",
    metadata={"namespace": "pets"},
    spec={"mtls": {"mode": "STRICT"}},
)
