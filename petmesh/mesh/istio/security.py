"""Objects of security.istio.io: authorization, mutual TLS, and tokens."""

import json
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds
from petmesh.mesh.istio.policy_targets import PolicyTargets
from petmesh.mesh.kubernetes import LabelSelector


class MutualTls(Fields):
    """A MutualTLS mode of a PeerAuthentication: which connections a workload accepts."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = "UNSET"


class PeerAuthenticationSpec(Fields):
    """A PeerAuthenticationSpec: the mode of the selected workloads."""

    selector: LabelSelector | None = None
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
    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be an address or a range such as 10.0.0.0/8") from None
    return value


Networks = tuple[Annotated[str, AfterValidator(_network)], ...]


class Source(Fields):
    """A Source of a request; every field that is set must match."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    ip_blocks: Networks = ()
    not_ip_blocks: Networks = ()
    remote_ip_blocks: Networks = ()
    not_remote_ip_blocks: Networks = ()

    @model_validator(mode="after")
    def _some(self) -> "Source":
        if not self.model_fields_set:
            raise ValueError("must not be empty")
        accounts = self.service_accounts or self.not_service_accounts
        others = self.principals or self.namespaces or self.not_principals or self.not_namespaces
        if accounts and others:
            raise ValueError("serviceAccounts can't stand beside principals or namespaces")
        return self


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
    ports: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,5}$")], ...] = ()
    not_ports: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,5}$")], ...] = ()

    @model_validator(mode="after")
    def _some(self) -> "Operation":
        if not any(getattr(self, name) for name in self.model_fields_set):
            raise ValueError("must not be empty")
        for path in (*self.paths, *self.not_paths):
            _check_template(path)
        return self


def _check_template(path: str) -> None:
    """Check a path of the operators {*} and {**}, which stand for whole segments.

    https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation-paths
    """
    if "{" not in path and "}" not in path:
        return
    segments = path.strip("/").split("/")
    if any(("{" in each or "}" in each) and each not in ("{*}", "{**}") for each in segments):
        raise ValueError(f"{path}: {{*}} and {{**}} must be whole segments")
    if segments.count("{**}") > 1 or "*" in path.replace("{*}", "").replace("{**}", ""):
        raise ValueError(f"{path}: {{**}} must be there once at most, and * not beside it")
    if "{**}" in segments[:-1] and "{*}" in segments[segments.index("{**}") :]:
        raise ValueError(f"{path}: {{*}} must not come after {{**}}")


class To(Fields):
    """A To: one operation."""

    operation: Operation


# https://istio.io/latest/docs/reference/config/security/conditions/
_KEYS = (
    "request.headers",
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "source.trustDomain",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "request.auth.claims",
    "destination.ip",
    "destination.port",
    "connection.sni",
)


class Condition(Fields):
    """A Condition on an attribute of the request."""

    key: str
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> "Condition":
        name = self.key.partition("[")[0]
        if name not in _KEYS and not self.key.startswith("experimental.envoy.filters."):
            raise ValueError(f"key = {self.key}: must be one of {', '.join(_KEYS)}")
        if name in ("request.headers", "request.auth.claims") and not self.key.endswith("]"):
            raise ValueError(f"key = {self.key}: must have a name in brackets")
        if not self.values and not self.not_values:
            raise ValueError("must have values or notValues")
        return self


class Rule(Fields):
    """A Rule: sources, operations and conditions; with none it matches every request."""

    from_: Annotated[tuple[From, ...], Field(alias="from")] = ()
    to: tuple[To, ...] = ()
    when: tuple[Condition, ...] = ()


class Provider(Fields):
    """An ExtensionProvider of a CUSTOM policy, by its name in the MeshConfig."""

    name: str


class AuthorizationPolicySpec(PolicyTargets):
    """An AuthorizationPolicySpec; without a rule an ALLOW policy allows nothing."""

    action: Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"] = "ALLOW"
    provider: Provider | None = None
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _means_something(self) -> "AuthorizationPolicySpec":
        if self.action == "DENY" and not self.rules:
            raise ValueError("DENY needs rules: without one it denies nothing")
        if (self.action == "CUSTOM") != (self.provider is not None):
            raise ValueError("CUSTOM needs a provider, and no other action has one")
        return self


class AuthorizationPolicy(Fields):
    """An AuthorizationPolicy."""

    metadata: Metadata
    spec: AuthorizationPolicySpec = AuthorizationPolicySpec()

    @property
    def is_dry_run(self) -> bool:
        """Whether a proxy only logs what it would decide."""
        return self.metadata.annotations.get("istio.io/dry-run") == "true"

    @property
    def is_enforced(self) -> bool:
        """Whether it lets requests pass or denies them."""
        return self.spec.action != "AUDIT" and not self.is_dry_run


class JwtHeader(Fields):
    """A JWTHeader that a token is in, after a prefix."""

    name: str
    prefix: str = ""


class ClaimToHeader(Fields):
    """A ClaimToHeader: a claim that the called process gets as a header."""

    header: str
    claim: str


def _keys(text: str) -> str:
    try:
        held: object = json.loads(text) if text else {}
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise ValueError("must be a JSON Web Key Set")  # noqa: TRY004 (pydantic's rule)
    return text


class JwtRule(Fields):
    """A JWTRule: an issuer's tokens, where they are in a request, and the keys that sign them."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    jwks_uri: str = ""
    jwks: Annotated[str, AfterValidator(_keys)] = ""
    from_headers: tuple[JwtHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str = ""
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    forward_original_token: bool = False
    timeout: Annotated[Seconds | None, LeftOut("keys are local: none is fetched")] = None
    space_delimited_claims: Annotated[Any, LeftOut("scope and permission are split alone")] = None

    @model_validator(mode="after")
    def _keys(self) -> "JwtRule":
        if self.jwks and self.jwks_uri:
            raise ValueError("must have jwks or jwksUri, not both")
        if not self.issuer and not self.jwks_uri:
            raise ValueError("must have issuer or jwksUri")
        return self


class RequestAuthenticationSpec(PolicyTargets):
    """A RequestAuthenticationSpec: the tokens that the selected workloads take."""

    jwt_rules: tuple[JwtRule, ...] = ()


class RequestAuthentication(Fields):
    """A RequestAuthentication: a token that isn't valid is refused, none is let pass."""

    metadata: Metadata
    spec: RequestAuthenticationSpec = RequestAuthenticationSpec()
