"""NetworkPolicies: read for the check of the paths that the mesh uses."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, Metadata, only


class Expression(Fields):
    """A condition of a label selector."""

    key: str
    operator: Annotated[str, only("In", because="no other condition is used")]
    values: tuple[str, ...]


class LabelSelector(Fields):
    """Pods or namespaces by labels; an empty one selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict[str, str])
    match_expressions: tuple[Expression, ...] = ()


class IpBlock(Fields):
    """A range of addresses, less some."""

    cidr: IPv4Network
    except_: Annotated[tuple[IPv4Network, ...], Field(alias="except")] = ()


class Peer(Fields):
    """The other end: pods, namespaces or addresses."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None


class PolicyPort(Fields):
    """A port of the called pod."""

    port: int | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class IngressRule(Fields):
    """Who may call, on which ports; with nothing said, anybody on any."""

    from_: Annotated[tuple[Peer, ...], Field(alias="from")] = ()
    ports: tuple[PolicyPort, ...] = ()


class EgressRule(Fields):
    """Who may be called, on which ports; with nothing said, anybody on any."""

    to: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicySpec(Fields):
    """The paths of the selected pods."""

    pod_selector: LabelSelector
    policy_types: tuple[Literal["Ingress", "Egress"], ...]
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()


class NetworkPolicy(Fields):
    """A network policy."""

    metadata: Metadata
    spec: NetworkPolicySpec
