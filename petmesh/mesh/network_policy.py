"""The NetworkPolicy of networking.k8s.io, read to check the paths that the mesh uses."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, Metadata, Whole


class LabelSelectorRequirement(Fields):
    """A LabelSelectorRequirement."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels fulfil the condition."""
        value = labels.get(self.key)
        return {
            "In": value is not None and value in self.values,
            "NotIn": value not in self.values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[self.operator]


class LabelSelector(Fields):
    """A LabelSelector of pods or namespaces; an empty one selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict[str, str])
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels fulfil every condition."""
        return self.match_labels.items() <= labels.items() and all(
            each.matches(labels) for each in self.match_expressions
        )


class IpBlock(Fields):
    """An IPBlock: a range of addresses, without its exceptions."""

    cidr: IPv4Network
    except_: Annotated[tuple[IPv4Network, ...], Field(alias="except")] = ()


class NetworkPolicyPeer(Fields):
    """A NetworkPolicyPeer: pods, namespaces or addresses."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None


class NetworkPolicyPort(Fields):
    """A NetworkPolicyPort: a port of the called pod."""

    port: Whole | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class NetworkPolicyIngressRule(Fields):
    """A NetworkPolicyIngressRule: callers and ports; an empty list allows every one."""

    from_: Annotated[tuple[NetworkPolicyPeer, ...], Field(alias="from")] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicyEgressRule(Fields):
    """A NetworkPolicyEgressRule: called peers and ports; an empty list allows every one."""

    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(Fields):
    """A NetworkPolicySpec: the rules of the selected pods."""

    pod_selector: LabelSelector
    policy_types: tuple[Literal["Ingress", "Egress"], ...]
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()


class NetworkPolicy(Fields):
    """A NetworkPolicy."""

    metadata: Metadata
    spec: NetworkPolicySpec
