"""Who may call a service, for what: by the caller's identity in mutual TLS."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY


@dataclass(frozen=True)
class CallersArgs:
    """Who may ask a service for what.

    Attributes:
        service: The service's name, also its pods' label `app`.
        namespace: Its namespace.
        principals: The callers' identities in mutual TLS.
        methods: The HTTP methods that they may use.
        paths: The paths that they may ask for, as Istio path templates.
        needs: What has to be there first: the namespace.
    """

    service: str
    namespace: str
    principals: Sequence[str]
    methods: Sequence[str]
    paths: Sequence[str]
    needs: Sequence[pulumi.Resource]


class Callers(pulumi.ComponentResource):
    """An AuthorizationPolicy: what it doesn't name gets 403.

    Attributes:
        policy: The AuthorizationPolicy, for pods to depend on.
    """

    def __init__(
        self, name: str, args: CallersArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:Callers", name, None, opts)
        self.policy = CustomResource(
            name,
            api_version=SECURITY,
            kind="AuthorizationPolicy",
            metadata={"name": args.service, "namespace": args.namespace},
            spec={
                "selector": {"matchLabels": {"app": args.service}},
                "action": "ALLOW",
                "rules": [
                    {
                        "from": [{"source": {"principals": list(args.principals)}}],
                        "to": [
                            {
                                "operation": {
                                    "methods": list(args.methods),
                                    "paths": list(args.paths),
                                }
                            }
                        ],
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


def principal(namespace: str, service_account: str) -> str:
    """The identity in mutual TLS of the pods that run as a service account."""
    return f"cluster.local/ns/{namespace}/sa/{service_account}"
