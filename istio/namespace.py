"""A namespace of the mesh: its pods are injected, take mutual TLS only, and see little of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.install import INJECTION_LABEL, SYSTEM_NAMESPACE
from istio.pod_security import RESTRICTED
from istio.view import View, ViewArgs


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
    """A namespace labelled for injection, with STRICT mutual TLS and restricted pods.

    A proxy without a View of its own sees this namespace and istiod's.

    Attributes:
        ready: What has to be there before a pod is created in it.
    """

    def __init__(
        self, name: str, args: MeshNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:MeshNamespace", name, None, opts)
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": args.namespace, "labels": {**INJECTION_LABEL, **RESTRICTED}},
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
        view = View(
            f"{name}-view",
            ViewArgs(args.namespace, ["./*", f"{SYSTEM_NAMESPACE}/*"], needs=[namespace]),
            opts=pulumi.ResourceOptions(parent=self),
        ).sidecar
        self.ready: list[pulumi.Resource] = [namespace, peers, view]
        self.register_outputs({})
