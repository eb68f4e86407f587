"""The ingress's certificate, where cert-manager requests it."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import CERT_MANAGER
from istio.install import INGRESS_NAMESPACE


def ingress_certificate(
    hosts: Sequence[str], issuer: str, secret: str, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return a Certificate of cert-manager, which is installed already, as its issuer is.

    It lies in the gateway's namespace, the only one whose Secrets the gateway may read. The key is
    new with each renewal. The Secret exists once the issuer has answered, and the gateway loads it
    then.

    Args:
        hosts: The DNS names that are certified.
        issuer: The ClusterIssuer's name.
        secret: The Secret into which cert-manager writes the certificate and its key.
        opts: The Certificate's options; it is created after the gateway's namespace.

    Source:
        https://cert-manager.io/docs/usage/certificate/
        https://istio.io/latest/docs/ops/integrations/certmanager/
    """
    return CustomResource(
        "ingress-certificate",
        api_version=CERT_MANAGER,
        kind="Certificate",
        metadata={"name": secret, "namespace": INGRESS_NAMESPACE},
        spec={
            "secretName": secret,
            "dnsNames": list(hosts),
            "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        },
        opts=opts,
    )
