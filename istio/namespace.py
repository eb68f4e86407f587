"""A namespace of the mesh: its pods are injected and accept mutual TLS only."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.network import SYSTEM_NAMESPACE
from istio.pod_security import RESTRICTED
from istio.revisions import Revision
from istio.sidecar_scope import sidecar_scope


class MeshNamespace(pulumi.ComponentResource):
    """A Namespace labelled for injection, with STRICT mutual TLS and restricted pods.

    A proxy without a Sidecar of its own knows the hosts of this namespace and of istiod's.

    Attributes:
        ready: The resources that a pod in it is created after.
    """

    def __init__(
        self,
        namespace: str,
        revision: Revision,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare the namespace.

        Args:
            namespace: The namespace's name.
            revision: Its pods' istiod.
            needs: Resources that it is created after: the mesh.
            opts: The component's options.
        """
        super().__init__("petmesh:istio:MeshNamespace", namespace, None, opts)
        there: pulumi.Resource = kubernetes.core.v1.Namespace(
            f"{namespace}-namespace",
            metadata={"name": namespace, "labels": {**revision.injection, **RESTRICTED}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=[there])
        peers = CustomResource(
            f"{namespace}-peers",
            api_version=SECURITY,
            kind="PeerAuthentication",
            metadata={"name": "default", "namespace": namespace},
            spec={"mtls": {"mode": "STRICT"}},
            opts=child,
        )
        hosts = ["./*", f"{SYSTEM_NAMESPACE}/*"]
        self.ready: Sequence[pulumi.Resource] = [
            there,
            peers,
            sidecar_scope(namespace, hosts, child),
        ]
        self.register_outputs({})
