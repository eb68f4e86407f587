"""What a proxy answers itself, by a route of a VirtualService: redirects and direct responses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from petmesh.mesh.fields import Fields
from petmesh.mesh.istio.common import PortValue


class HttpRedirect(Fields):
    """An HTTPRedirect: the response that redirects to another URL."""

    uri: str = ""
    authority: str = ""
    port: PortValue | None = None
    derive_port: Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"] | None = None
    scheme: str = ""
    redirect_code: Literal[0, 301, 302, 303, 307, 308] = 301
    prefix_rewrite: str = ""

    @model_validator(mode="after")
    def _somewhere(self) -> "HttpRedirect":
        if not self.model_fields_set - {"redirect_code"}:
            raise ValueError("must have uri, prefixRewrite, authority, scheme or port")
        if self.uri and self.prefix_rewrite:
            raise ValueError("must have uri or prefixRewrite, not both")
        return self


class HttpBody(Fields):
    """An HTTPBody of a direct response."""

    string: str | None = None
    bytes: str | None = None


class HttpDirectResponse(Fields):
    """An HTTPDirectResponse: a status and a body of the proxy itself."""

    status: Annotated[int, Field(ge=100, le=599)]
    body: HttpBody | None = None
