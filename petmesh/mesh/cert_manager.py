"""Objects of cert-manager: who certifies which names, into which Secret."""

from typing import Annotated, Any

from petmesh.mesh.fields import Fields, LeftOut, Metadata, not_empty

ISSUER = LeftOut("a local authority issues what cert-manager would")


class CertificateSpec(Fields):
    """What is certified."""

    secret_name: str
    dns_names: Annotated[tuple[str, ...], not_empty()]
    issuer_ref: Annotated[Any, ISSUER]
    private_key: Annotated[Any, ISSUER] = None


class Certificate(Fields):
    """A certificate."""

    metadata: Metadata
    spec: CertificateSpec
