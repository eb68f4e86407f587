"""Who may call a service, for what: by the caller's identity in mutual TLS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY


@dataclass(frozen=True)
class Caller:
    """A workload that calls another.

    Attributes:
        namespace: Its namespace.
        service_account: Its ServiceAccount: its identity in mutual TLS.
        labels: Its pods' labels.
    """

    namespace: str
    service_account: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class CallersArgs:
    """Who may ask a service for what.

    Attributes:
        service: The service's name, also its pods' label `app`.
        namespace: Its namespace.
        callers: The callers.
        methods: The HTTP methods that they may use.
        paths: The paths that they may ask for, as Istio path templates.
        needs: What has to be there first: the namespace.
    """

    service: str
    namespace: str
    callers: Sequence[Caller]
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
                        "from": [
                            {"source": {"principals": [principal(each) for each in args.callers]}}
                        ],
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


@dataclass(frozen=True)
class PublicMethodsArgs:
    """What anybody may ask a gateway for.

    Attributes:
        gateway: The gateway's name.
        namespace: Its namespace.
        selector: Its pods' labels.
        methods: The HTTP methods; which hosts and paths lead anywhere, its routes say.
        needs: What has to be there first: the gateway's namespace and istiod.
    """

    gateway: str
    namespace: str
    selector: Mapping[str, str]
    methods: Sequence[str]
    needs: Sequence[pulumi.Resource]


class PublicMethods(pulumi.ComponentResource):
    """An AuthorizationPolicy of a gateway: any other method gets 403 before a route is looked for.

    Attributes:
        policy: The AuthorizationPolicy.
    """

    def __init__(
        self, name: str, args: PublicMethodsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:PublicMethods", name, None, opts)
        self.policy = CustomResource(
            name,
            api_version=SECURITY,
            kind="AuthorizationPolicy",
            metadata={"name": args.gateway, "namespace": args.namespace},
            spec={
                "selector": {"matchLabels": dict(args.selector)},
                "action": "ALLOW",
                "rules": [{"to": [{"operation": {"methods": list(args.methods)}}]}],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


class NothingElse(pulumi.ComponentResource):
    """A namespace's AuthorizationPolicy without a rule: what no other one allows gets 403.

    It comes after all that allow something, and goes before them, so that at no moment what is
    allowed is refused.

    Attributes:
        policy: The AuthorizationPolicy.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        allowed: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("petmesh:istio:NothingElse", name, None, opts)
        self.policy = CustomResource(
            name,
            api_version=SECURITY,
            kind="AuthorizationPolicy",
            metadata={"name": "allow-nothing", "namespace": namespace},
            spec={},
            opts=pulumi.ResourceOptions(parent=self, depends_on=allowed),
        )
        self.register_outputs({})


def principal(caller: Caller) -> str:
    """A caller's identity as an AuthorizationPolicy names it."""
    return f"cluster.local/ns/{caller.namespace}/sa/{caller.service_account}"
