"""Finds backends that the TLS of a policy can't call, and names that nobody checks."""

from collections.abc import Iterator

from petmesh.envoy.destination_rules import policy_for
from petmesh.envoy.mtls_mode import mtls_mode
from petmesh.envoy.names import full_host
from petmesh.host.pki import holds_certificates
from petmesh.mesh.istio.destination_rule import ClientTlsSettings, DestinationRule, PolicyRule
from petmesh.mesh.kubernetes import ServicePort
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.mesh.protocols import is_detected, spoken
from petmesh.rehearsal.settings import RehearsalSettings

_ORIGINATED = ("SIMPLE", "MUTUAL")


def tls_findings(mesh: Mesh, settings: RehearsalSettings) -> Iterator[str]:
    """Yield a line for each authority that isn't there, unchecked name and call that must fail."""
    for rule in mesh.destination_rules:
        name = ", ".join(rule.sources)
        for tls in _each_tls(rule):
            yield from (f"{name}: {line}" for line in _authority(mesh, tls))
            named = tls.subject_alt_names or any(
                each.spec.subject_alt_names
                for each in mesh.service_entries
                if rule.spec.host in each.spec.hosts
            )
            if isinstance(rule, PolicyRule) and not named:
                yield (
                    f"{name}: hostname = {tls.sni}: Istio asks for it and doesn't verify it: a "
                    "certificate of any name will do without subjectAltNames"
                )
        yield from (f"{name}: {line}" for line in _calls(mesh, settings, rule))


def _each_tls(rule: DestinationRule) -> list[ClientTlsSettings]:
    policy = rule.spec.traffic_policy
    blocks = (policy, *policy.port_level_settings) if policy else ()
    held = [each.tls for each in blocks if each.tls and each.tls.mode in _ORIGINATED]
    return [each for index, each in enumerate(held) if each not in held[:index]]


def _authority(mesh: Mesh, tls: ClientTlsSettings) -> Iterator[str]:
    name = tls.config_map
    if tls.trusts_nobody:
        yield (
            "its caCertificateRefs name no ConfigMap that has cacert or ca.crt: 503 from gateways, "
            "and sidecars call in the clear"
        )
    elif name and name not in mesh.authorities:
        yield f"there is no ConfigMap {name} that has cacert or ca.crt: 503"
    elif name and not holds_certificates(mesh.authorities[name]):
        yield f"ConfigMap {name} holds no certificate in PEM form: 503"


def _calls(mesh: Mesh, settings: RehearsalSettings, rule: DestinationRule) -> Iterator[str]:
    host = full_host(rule.spec.host, rule.metadata.namespace)
    for service in mesh.services:
        if mesh.service_host(service) != host:
            continue
        for port in service.spec.ports:
            tls = policy_for(rule, None, port.port)[0].tls
            for workload in mesh.workloads if tls and tls.mode in _ORIGINATED else ():
                near = workload.namespace == service.metadata.namespace
                if not near or not service.spec.selects(workload.labels):
                    continue
                if reason := _closed(mesh, settings, workload, port):
                    yield f"port {port.port} of {service.metadata.name} is called by TLS: {reason}"


def _closed(
    mesh: Mesh, settings: RehearsalSettings, workload: Workload, port: ServicePort
) -> str | None:
    """Return why a workload takes no TLS at a Service's port; None where it does."""
    named = {each.name: each.container_port for each in workload.container.ports}
    given = port.target_port or port.port
    target = named.get(given, port.port) if isinstance(given, str) else given
    mode = mtls_mode(mesh, workload.namespace, workload.labels, target)
    if workload.in_mesh and mode == "STRICT":
        return f"the sidecar of {workload.name} takes the mesh's own alone (STRICT): 503"
    if workload.in_mesh and spoken(port) in ("HTTP", "HTTP2") and not is_detected(port):
        return (
            f"by its name {port.name} it speaks HTTP, so the sidecar of {workload.name} takes the "
            "mesh's own alone: 503; name it https or tls"
        )
    tls = settings.of(workload).tls
    if tls is None or (tls.ports and target not in tls.ports):
        return f"{workload.name} speaks none here: 503, unless its entry in rehearsal.yaml has tls"
    return None
