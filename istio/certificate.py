"""The ingress's certificate, where cert-manager gets it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import CERT_MANAGER
from istio.install import INGRESS_NAMESPACE


@dataclass(frozen=True)
class IssuedCertificateArgs:
    """What is certified, by whom.

    Attributes:
        hosts: The DNS names.
        issuer: The ClusterIssuer's name.
        secret: The Secret that cert-manager writes the certificate and its key into.
        needs: What has to be there first: the gateway's namespace.
    """

    hosts: Sequence[str]
    issuer: str
    secret: str
    needs: Sequence[pulumi.Resource]


class IssuedCertificate(pulumi.ComponentResource):
    """A Certificate of cert-manager's, which has to be in the cluster, with its issuer.

    It lies in the gateway's namespace, where alone the gateway may read its Secret. The key is new
    with each renewal.

    Attributes:
        ready: The Certificate; the Secret follows once the issuer has answered, and the gateway
            takes it then.

    Source:
        https://cert-manager.io/docs/usage/certificate/
        https://istio.io/latest/docs/ops/integrations/certmanager/
    """

    def __init__(
        self, name: str, args: IssuedCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:IssuedCertificate", name, None, opts)
        self.ready = CustomResource(
            f"{name}-certificate",
            api_version=CERT_MANAGER,
            kind="Certificate",
            metadata={"name": args.secret, "namespace": INGRESS_NAMESPACE},
            spec={
                "secretName": args.secret,
                "dnsNames": list(args.hosts),
                "issuerRef": {
                    "group": "cert-manager.io",
                    "kind": "ClusterIssuer",
                    "name": args.issuer,
                },
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})
