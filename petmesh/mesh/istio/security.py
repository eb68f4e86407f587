"""Objects of security.istio.io: who may call what, and how callers prove who they are."""

from typing import Annotated, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, Metadata
from petmesh.mesh.kubernetes import Selector


class MutualTls(Fields):
    """Which connections a workload accepts."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = "UNSET"


class PeerAuthenticationSpec(Fields):
    """Mutual TLS of the selected workloads."""

    selector: Selector | None = None
    mtls: MutualTls = MutualTls()


class PeerAuthentication(Fields):
    """A peer authentication."""

    metadata: Metadata
    spec: PeerAuthenticationSpec


class Source(Fields):
    """Who calls; every list that is set must match."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()


class From(Fields):
    """One source."""

    source: Source


class Operation(Fields):
    """What is called; every list that is set must match."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()


class To(Fields):
    """One operation."""

    operation: Operation


class Rule(Fields):
    """Sources and operations; with neither it matches everything."""

    from_: Annotated[tuple[From, ...], Field(alias="from")] = ()
    to: tuple[To, ...] = ()


class AuthorizationPolicySpec(Fields):
    """Rules for the selected workloads; without rules an ALLOW policy allows nothing."""

    selector: Selector | None = None
    action: Literal["ALLOW", "DENY"] = "ALLOW"
    rules: tuple[Rule, ...] = ()


class AuthorizationPolicy(Fields):
    """An authorization policy."""

    metadata: Metadata
    spec: AuthorizationPolicySpec
