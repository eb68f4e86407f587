"""A namespace of the mesh: its pods are injected, and take mutual TLS only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.install import INJECTION_LABEL


@dataclass(frozen=True)
class MeshNamespaceArgs:
    """What a namespace of the mesh is made of.

    Attributes:
        namespace: Its name.
        needs: What has to be there first: the mesh.
    """

    namespace: str
    needs: Sequence[pulumi.Resource]


class MeshNamespace(pulumi.ComponentResource):
    """A namespace labelled for injection, with STRICT mutual TLS.

    Attributes:
        ready: What has to be there before a pod is created in it.
    """

    def __init__(
        self, name: str, args: MeshNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:MeshNamespace", name, None, opts)
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": args.namespace, "labels": INJECTION_LABEL},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        peers = CustomResource(
            f"{name}-peers",
            api_version=SECURITY,
            kind="PeerAuthentication",
            metadata={"name": "default", "namespace": args.namespace},
            spec={"mtls": {"mode": "STRICT"}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        self.ready: list[pulumi.Resource] = [namespace, peers]
        self.register_outputs({})
