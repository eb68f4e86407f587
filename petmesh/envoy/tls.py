"""TLS between workloads, at gateways, and to outside hosts."""

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path

from petmesh.envoy.names import Json, typed
from petmesh.envoy.topology import Identity
from petmesh.host.pki import Leaf
from petmesh.mesh.istio.destination_rule import ClientTlsSettings
from petmesh.mesh.istio.networking import ServerTlsSettings

# The lowest version of TLS that istiod selects for each that a Gateway or the MeshConfig names.
MINIMUM: Mapping[str, str] = {
    "TLS_AUTO": "TLSv1_2",
    "TLSV1_0": "TLSv1_0",
    "TLSV1_1": "TLSv1_1",
    "TLSV1_2": "TLSv1_2",
    "TLSV1_3": "TLSv1_3",
}
# What a workload takes in TLS 1.2. https://istio.io/latest/docs/ops/best-practices/security/
_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
# By this application protocol a sidecar tells the mesh's own TLS from a process's.
MESH_ALPN = "istio"
_TLS = "envoy.extensions.transport_sockets.tls.v3"


def mutual_tls_client(
    identity: Identity, trust: Path, server_name: str, servers: Iterable[str]
) -> Json:
    """Return a caller's mutual TLS: its own identity, and the server's permitted identities."""
    names = [{"san_type": "URI", "matcher": {"exact": uri}} for uri in sorted(servers)]
    validation: Json = {"trusted_ca": {"filename": str(trust)}}
    if names:
        validation["match_typed_subject_alt_names"] = names
    return _socket(
        "UpstreamTlsContext",
        sni=server_name,
        common_tls_context={
            "alpn_protocols": [MESH_ALPN],
            "tls_params": _versions("TLSv1_2"),
            "tls_certificates": [_certificate(identity)],
            "validation_context": validation,
        },
    )


def mutual_tls_server(
    identity: Identity, trust: Path, trust_domain: str, minimum: str = "TLSv1_2"
) -> Json:
    """Return a called workload's mutual TLS: every caller must have an identity of the mesh."""
    names = [{"san_type": "URI", "matcher": {"prefix": f"spiffe://{trust_domain}/"}}]
    versions = {**_versions(minimum), "cipher_suites": list(_CIPHERS)}
    return _mutual_server(identity, trust, versions, {"match_typed_subject_alt_names": names})


def mutual_tls_gateway(identity: Identity, trust: Path, minimum: str) -> Json:
    """Return a gateway's mutual TLS (ISTIO_MUTUAL): what the mesh's authority certified gets in."""
    return _mutual_server(identity, trust, _versions(minimum), {})


def _mutual_server(identity: Identity, trust: Path, versions: Json, more: Json) -> Json:
    return _socket(
        "DownstreamTlsContext",
        require_client_certificate=True,
        common_tls_context={
            "tls_params": versions,
            "tls_certificates": [_certificate(identity)],
            "validation_context": {"trusted_ca": {"filename": str(trust)}, **more},
        },
    )


def gateway_tls(certificate: Leaf, tls: ServerTlsSettings, clients: Path | None) -> Json:
    """Return the TLS termination of a gateway, with the protocols that istiod selects.

    Args:
        certificate: the gateway's.
        tls: as declared.
        clients: the certificate of the authority that issued the clients'; None for no client's.
    """
    validation: Json = {"trusted_ca": {"filename": str(clients)}}
    if tls.subject_alt_names:
        validation["match_typed_subject_alt_names"] = [
            {"san_type": "DNS", "matcher": {"exact": name}} for name in tls.subject_alt_names
        ]
    versions = _versions(MINIMUM[tls.min_protocol_version])
    if tls.max_protocol_version != "TLS_AUTO":
        versions["tls_maximum_protocol_version"] = MINIMUM[tls.max_protocol_version]
    if tls.cipher_suites:
        versions["cipher_suites"] = list(tls.cipher_suites)
    return _socket(
        "DownstreamTlsContext",
        require_client_certificate=clients is not None and tls.mode != "OPTIONAL_MUTUAL",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": versions,
            "tls_certificates": [_certificate(certificate)],
            **({"validation_context": validation} if clients else {}),
        },
    )


def originated_tls(tls: ClientTlsSettings, trust: Path) -> Json:
    """Return TLS that a proxy originates, verifying the server's certificate and its names."""
    validation: Json = {"trusted_ca": {"filename": str(trust)}}
    if tls.subject_alt_names:
        validation["match_typed_subject_alt_names"] = [
            {"san_type": _san_type(name), "matcher": {"exact": name}}
            for name in tls.subject_alt_names
        ]
    return _socket(
        "UpstreamTlsContext",
        sni=tls.sni,
        common_tls_context={
            "tls_params": _versions("TLSv1_2"),
            **({} if tls.insecure_skip_verify else {"validation_context": validation}),
        },
    )


def _san_type(name: str) -> str:
    if "://" in name:
        return "URI"
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"


def _versions(minimum: str) -> Json:
    return {
        "tls_minimum_protocol_version": minimum,
        "tls_maximum_protocol_version": "TLSv1_3",
    }


def _certificate(identity: Identity | Leaf) -> Json:
    return {
        "certificate_chain": {"filename": str(identity.certificate)},
        "private_key": {"filename": str(identity.key)},
    }


def _socket(context: str, **fields: object) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(f"{_TLS}.{context}", **fields),
    }
