"""BackendTLSPolicies as DestinationRules: the TLS by which Gateways and sidecars call a backend.

Source:
    pilot/pkg/config/kube/gateway/backend_policies.go
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, mapping, not_empty
from petmesh.mesh.istio.common import PortNumber
from petmesh.mesh.istio.destination_rule import (
    CONFIG_MAP,
    INVALID,
    ClientTlsSettings,
    DestinationRuleSpec,
    PolicyRule,
    PortTrafficPolicy,
    TrafficPolicy,
)
from petmesh.mesh.istio.networking import ServiceEntry
from petmesh.mesh.kubernetes import Service

KIND: Final = "BackendTLSPolicy"
IGNORED: Final = "istio.io/ignore-policy-attachment"
_SYSTEM: Final = "System"
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME: Final = rf"{_LABEL}(\.{_LABEL})*"
# The keys of a ConfigMap that may hold an authority, the first that is there:
# pilot/pkg/credentials/kube/secrets.go.
_AUTHORITY_KEYS: Final = ("cacert", "ca.crt")


class TargetReference(Fields):
    """A LocalPolicyTargetReferenceWithSectionName: a backend, or one port of it by name."""

    group: str
    kind: str
    name: Annotated[str, Field(min_length=1)]
    section_name: str | None = None

    @property
    def backend(self) -> tuple[str, str, str]:
        """The backend without its port."""
        return self.group, self.kind, self.name


class AuthorityReference(Fields):
    """A LocalObjectReference to what holds an authority's certificate."""

    group: str
    kind: str
    name: Annotated[str, Field(min_length=1)]


class SubjectAltName(Fields):
    """A SubjectAltName that the backend's certificate may have."""

    type: Literal["Hostname", "URI"]
    hostname: Annotated[str, Field(pattern=rf"^(\*\.)?{_NAME}$")] | None = None
    uri: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://")] | None = None

    @model_validator(mode="after")
    def _one(self) -> "SubjectAltName":
        named = {"Hostname": self.hostname, "URI": self.uri}
        others = [key for key, value in named.items() if key != self.type and value]
        if not named[self.type] or others:
            raise ValueError(f"type = {self.type}: must have {self.type.lower()} alone")
        return self


class Validation(Fields):
    """A BackendTLSPolicyValidation: the server's name, and who may have signed its certificate."""

    hostname: Annotated[str, Field(min_length=1, max_length=253, pattern=rf"^{_NAME}$")]
    ca_certificate_refs: Annotated[tuple[AuthorityReference, ...], Field(max_length=8)] = ()
    well_known_ca_certificates: Annotated[str, Field(alias="wellKnownCACertificates")] = ""
    subject_alt_names: Annotated[tuple[SubjectAltName, ...], Field(max_length=5)] = ()

    @model_validator(mode="after")
    def _one(self) -> "Validation":
        if bool(self.ca_certificate_refs) == bool(self.well_known_ca_certificates):
            raise ValueError("must have one of caCertificateRefs and wellKnownCACertificates")
        return self


def _distinct(targets: tuple[TargetReference, ...]) -> tuple[TargetReference, ...]:
    sections: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in targets:
        sections[each.backend].append(each.section_name or "")
    for (_, kind, name), named in sections.items():
        if len(set(named)) < len(named) or (len(named) > 1 and "" in named):
            raise ValueError(f"{kind} {name}: must have a sectionName of its own each time")
    return targets


class BackendTlsPolicySpec(Fields):
    """A BackendTLSPolicySpec."""

    target_refs: Annotated[
        tuple[TargetReference, ...], Field(max_length=16), not_empty(), AfterValidator(_distinct)
    ]
    validation: Validation
    options: Annotated[Any, LeftOut("istiod doesn't read it")] = None


class BackendTlsPolicy(Fields):
    """A BackendTLSPolicy."""

    metadata: Metadata
    spec: BackendTlsPolicySpec

    @property
    def label(self) -> str:
        """Its namespace and name."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def is_ignored(self) -> bool:
        """Whether it says that Istio is to ignore it."""
        return str(self.metadata.annotations.get(IGNORED, "")).lower() == "true"


@dataclass(frozen=True)
class Converted:
    """What policies were taken as.

    Attributes:
        rules: one for each host of a backend.
        left_out: what has no effect, with the reason and the policy.
    """

    rules: tuple[PolicyRule, ...]
    left_out: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Backends:
    """What a policy may refer to.

    Attributes:
        authorities: the ConfigMaps that hold an authority's certificate, as `namespace/name`.
    """

    services: Sequence[Service]
    entries: Sequence[ServiceEntry]
    authorities: Container[str]

    def find(self, target: TargetReference, namespace: str) -> Service | ServiceEntry | None:
        """Return a target; None if there is none, or it is of another kind."""
        found: Sequence[Service | ServiceEntry] = {
            ("", "Service"): self.services,
            ("networking.istio.io", "ServiceEntry"): self.entries,
        }.get((target.group, target.kind), ())
        name = namespace, target.name
        return next((e for e in found if (e.metadata.namespace, e.metadata.name) == name), None)


def authority_of(config_map: Mapping[str, Any]) -> str:
    """Return the certificate of the authority that a ConfigMap holds; empty if it holds none."""
    data = mapping(config_map.get("data"))
    return next((str(data[key]) for key in _AUTHORITY_KEYS if data.get(key)), "")


def convert(policies: Sequence[BackendTlsPolicy], backends: Backends) -> Converted:
    """Return policies as DestinationRules; of two for one port the older one holds."""
    left_out = [
        (KIND, f"Istio ignores it by its annotation {IGNORED}", each.label)
        for each in policies
        if each.is_ignored
    ]
    held: dict[tuple[str, str], list[tuple[BackendTlsPolicy, int | None]]] = defaultdict(list)
    effective = [each for each in policies if not each.is_ignored]
    for policy in sorted(effective, key=lambda each: each.metadata.order):
        left_out += ((f"{KIND}: {what}", why, policy.label) for what, why in _remarks(policy))
        for index, target in enumerate(policy.spec.target_refs):
            where = f"{KIND}: spec.targetRefs[{index}]"
            found = backends.find(target, policy.metadata.namespace)
            port = _port(found, target.section_name) if found else None
            what = f"{target.kind} {target.name}"
            if found is None:
                left_out.append((where, f"there is no {what} that Istio knows", policy.label))
            elif target.section_name and port is None:
                why = f"{what} has no port of the name {target.section_name}"
                left_out.append((where, why, policy.label))
            elif other := _older(policy, target, effective):
                why = f"{other.metadata.name} has the same backend, and comes first"
                left_out.append((where, why, policy.label))
            else:
                for host in _hosts(found):
                    held[policy.metadata.namespace, host].append((policy, port))
    rules = (_rule(host, several, backends) for (_, host), several in held.items())
    return Converted(tuple(rules), tuple(left_out))


def _remarks(policy: BackendTlsPolicy) -> Iterator[tuple[str, str]]:
    validation = policy.spec.validation
    if len(validation.ca_certificate_refs) > 1:
        yield "spec.validation.caCertificateRefs[]", "Istio reads the first one alone"
    if validation.well_known_ca_certificates not in ("", _SYSTEM):
        yield "spec.validation.wellKnownCACertificates", "Istio knows System alone, and takes that"


def _port(backend: Service | ServiceEntry, section: str | None) -> int | None:
    if isinstance(backend, Service):
        return next((each.port for each in backend.spec.ports if each.name == section), None)
    return next((each.number for each in backend.spec.ports if each.name == section), None)


def _hosts(backend: Service | ServiceEntry) -> tuple[str, ...]:
    if isinstance(backend, ServiceEntry):
        return backend.spec.hosts
    return (f"{backend.metadata.name}.{backend.metadata.namespace}.svc.cluster.local",)


def _older(
    policy: BackendTlsPolicy, target: TargetReference, policies: Sequence[BackendTlsPolicy]
) -> BackendTlsPolicy | None:
    """Return the policy with the same target that comes before one: the older, else by name."""

    def order(each: BackendTlsPolicy) -> tuple[str, str]:
        return each.metadata.creation_timestamp or "", each.metadata.name

    found = [
        each
        for each in policies
        if each.metadata.namespace == policy.metadata.namespace
        and target in each.spec.target_refs
        and order(each) < order(policy)
    ]
    return min(found, key=order, default=None)


def _rule(
    host: str, several: Sequence[tuple[BackendTlsPolicy, int | None]], backends: Backends
) -> PolicyRule:
    whole: ClientTlsSettings | None = None
    ports: dict[int, ClientTlsSettings] = {}
    for policy, port in several:
        tls = _tls(policy, backends)
        if port is not None:
            ports.setdefault(port, tls)
        else:
            whole = whole or tls
    levels = tuple(
        PortTrafficPolicy(port=PortNumber(number=port), tls=tls)
        for port, tls in sorted(ports.items())
    )
    policy_fields: dict[str, Any] = {"tls": whole} if whole else {}
    if levels:
        policy_fields["port_level_settings"] = levels
    return PolicyRule(
        metadata=several[0][0].metadata,
        spec=DestinationRuleSpec(host=host, traffic_policy=TrafficPolicy(**policy_fields)),
        policies=tuple(dict.fromkeys(f"{KIND} {policy.label}" for policy, _ in several)),
    )


def _tls(policy: BackendTlsPolicy, backends: Backends) -> ClientTlsSettings:
    validation = policy.spec.validation
    names = tuple(str(each.hostname or each.uri) for each in validation.subject_alt_names)
    fields: dict[str, Any] = {"mode": "SIMPLE", "sni": validation.hostname}
    if names:
        fields["subject_alt_names"] = names
    if validation.ca_certificate_refs:
        reference = validation.ca_certificate_refs[0]
        name = f"{policy.metadata.namespace}/{reference.name}"
        is_held = (reference.group, reference.kind) == ("", "ConfigMap")
        is_held = is_held and name in backends.authorities
        # Without the certificate no request passes.
        fields["credential_name"] = f"{CONFIG_MAP}{name}" if is_held else INVALID
    return ClientTlsSettings(**fields)
