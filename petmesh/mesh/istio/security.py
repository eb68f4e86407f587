"""Objects of security.istio.io: authorization, and mutual TLS."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from petmesh.mesh.fields import Fields, Metadata
from petmesh.mesh.kubernetes import Selector


class MutualTls(Fields):
    """A MutualTLS mode of a PeerAuthentication: which connections a workload accepts."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = "UNSET"


class PeerAuthenticationSpec(Fields):
    """A PeerAuthenticationSpec: the mode of the selected workloads."""

    selector: Selector | None = None
    mtls: MutualTls = MutualTls()
    port_level_mtls: dict[int, MutualTls] = Field(default_factory=dict[int, MutualTls])

    @model_validator(mode="after")
    def _has_selector(self) -> "PeerAuthenticationSpec":
        if self.port_level_mtls and not (self.selector and self.selector.match_labels):
            raise ValueError("portLevelMtls needs a selector")
        return self


class PeerAuthentication(Fields):
    """A PeerAuthentication."""

    metadata: Metadata
    spec: PeerAuthenticationSpec


class Source(Fields):
    """A Source of a request; every field that is set must match."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()


class From(Fields):
    """A From: one source."""

    source: Source


class Operation(Fields):
    """An Operation: the request itself; every field that is set must match."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()


class To(Fields):
    """A To: one operation."""

    operation: Operation


class Rule(Fields):
    """A Rule: sources and operations; with neither it matches every request."""

    from_: Annotated[tuple[From, ...], Field(alias="from")] = ()
    to: tuple[To, ...] = ()


class AuthorizationPolicySpec(Fields):
    """An AuthorizationPolicySpec; without a rule an ALLOW policy allows nothing."""

    selector: Selector | None = None
    action: Literal["ALLOW", "DENY"] = "ALLOW"
    rules: tuple[Rule, ...] = ()


class AuthorizationPolicy(Fields):
    """An AuthorizationPolicy."""

    metadata: Metadata
    spec: AuthorizationPolicySpec
