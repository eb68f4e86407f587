"""Objects of gateway.networking.k8s.io: Gateways and ListenerSets."""

from typing import Annotated, Any, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata, not_empty, only
from petmesh.mesh.gateway_api.models import Reference
from petmesh.mesh.istio.common import PortValue
from petmesh.mesh.network_policy import LabelSelector

_ONE_POD = LeftOut("a gateway is one process of this machine")


class ListenerTls(Fields):
    """A ListenerTLSConfig: TLS that ends at the Gateway, or passes it."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: tuple[Reference, ...] = ()
    frontend_validation: Annotated[Any, only(None, because="clients show no certificate")] = None
    options: dict[str, str] = Field(default_factory=dict[str, str])

    @property
    def terminate_mode(self) -> str:
        """How TLS ends, in Istio's words, where the option of Istio's own says so."""
        return self.options.get("gateway.istio.io/tls-terminate-mode", "")


class RouteNamespaces(Fields):
    """A RouteNamespaces: whose routes a listener takes."""

    from_: Annotated[Literal["All", "Same", "Selector", "None"], Field(alias="from")] = "Same"
    selector: LabelSelector | None = None


class RouteKind(Fields):
    """A RouteGroupKind."""

    group: str = ""
    kind: str


class ListenerRoutes(Fields):
    """An AllowedRoutes: namespaces and kinds."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteKind, ...] = ()


class Listener(Fields):
    """A Listener of a Gateway."""

    name: str
    hostname: str | None = None
    port: PortValue
    protocol: Annotated[str, Field(min_length=1, max_length=255)]
    tls: ListenerTls | None = None
    allowed_routes: ListenerRoutes = ListenerRoutes()


class ListenerNamespaces(RouteNamespaces):
    """A ListenerNamespaces: whose ListenerSets a Gateway takes."""

    from_: Annotated[Literal["All", "Same", "Selector", "None"], Field(alias="from")] = "None"


class AllowedListeners(Fields):
    """An AllowedListeners: by namespaces."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


class FrontendValidation(Fields):
    """A FrontendTLSValidation: clients show certificates."""

    ca_certificate_refs: Annotated[
        Any, LeftOut("certificates of this machine are a local authority's")
    ] = None
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class FrontendTls(Fields):
    """A TLSConfig of a port."""

    validation: FrontendValidation | None = None


class PortFrontendTls(Fields):
    """A TLSPortConfig: what holds for one port in the place of the default."""

    port: PortValue
    tls: FrontendTls = FrontendTls()


class Frontend(Fields):
    """A FrontendTLSConfig."""

    default: FrontendTls = FrontendTls()
    per_port: tuple[PortFrontendTls, ...] = ()


class GatewayTls(Fields):
    """A GatewayTLSConfig: certificates that clients show, and that backends are shown."""

    frontend: Frontend = Frontend()
    backend: Annotated[Any, LeftOut("a stand-in asks for no certificate")] = None

    def of(self, port: int) -> FrontendValidation | None:
        """Return how clients of a port are validated; None if they aren't."""
        for each in self.frontend.per_port:
            if each.port == port:
                return each.tls.validation
        return self.frontend.default.validation


class GatewaySpec(Fields):
    """A GatewaySpec."""

    gateway_class_name: str
    listeners: Annotated[tuple[Listener, ...], not_empty()] = ()
    addresses: Annotated[Any, _ONE_POD] = None
    infrastructure: Annotated[Any, _ONE_POD] = None
    allowed_listeners: AllowedListeners = AllowedListeners()
    tls: GatewayTls = GatewayTls()
    default_scope: Annotated[Any, LeftOut("no Gateway is a default one")] = None


class Gateway(Fields):
    """A Gateway of the Gateway API."""

    metadata: Metadata
    spec: GatewaySpec


class ListenerSetSpec(Fields):
    """A ListenerSetSpec: listeners that another team adds to a Gateway."""

    parent_ref: Reference
    listeners: tuple[Listener, ...] = ()


class ListenerSet(Fields):
    """A ListenerSet."""

    metadata: Metadata
    spec: ListenerSetSpec
