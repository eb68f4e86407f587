"""The Certificate of cert-manager.io: DNS names, and the Secret that holds their certificate."""

from typing import Annotated, Any

from petmesh.mesh.fields import Fields, LeftOut, Metadata, not_empty

ISSUER = LeftOut("a local authority issues what cert-manager would")


class CertificateSpec(Fields):
    """A CertificateSpec: the DNS names, and the Secret's name."""

    secret_name: str
    dns_names: Annotated[tuple[str, ...], not_empty()]
    issuer_ref: Annotated[Any, ISSUER]
    private_key: Annotated[Any, ISSUER] = None


class Certificate(Fields):
    """A Certificate of cert-manager.io."""

    metadata: Metadata
    spec: CertificateSpec
