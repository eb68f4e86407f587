"""The certificates of a run: workloads' identities, outside hosts', and gateways'."""

from collections.abc import Iterator
from pathlib import Path

from petmesh.envoy.names import spiffe
from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import Identity
from petmesh.host.pki import Authority, Leaf, holds_certificates
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.rehearsal.settings import SELF_SIGNED, SYSTEM, RehearsalSettings


class Certificates:
    """Issues certificates, each once.

    Args:
        folder: for the certificates.

    Attributes:
        mesh: the authority that workloads trust.
        outside: the authority of outside hosts, which every proxy trusts.
        public: the authority that the ingress's callers trust.
        outside_trust: the certificates of outside hosts' authority, and of the one in the place of
            a system's.
        nobody: the certificate of an authority that issues nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.mesh = Authority("rehearsal: mesh", folder / "mesh")
        self.outside = Authority("rehearsal: outside", folder / "outside")
        self.public = Authority("rehearsal: ingress", folder / "ingress")
        self._folder = folder
        self._issuers = {
            SYSTEM: Authority("rehearsal: system", folder / "system"),
            SELF_SIGNED: Authority("rehearsal: trusted by nobody", folder / "self-signed"),
        }
        self.nobody = Authority("rehearsal: nobody", folder / "nobody").certificate
        self.outside_trust = _together(
            folder / "outside-and-system.pem",
            self.outside.certificate.read_text(),
            self._issuers[SYSTEM].certificate.read_text(),
        )
        self._identities: dict[str, Identity] = {}
        self._hosts: dict[tuple[str, ...], Leaf] = {}
        self._clients: dict[str, Leaf] = {}
        self._processes: dict[tuple[str, tuple[str, ...]], Leaf] = {}

    def identity(self, mesh: Mesh, namespace: str, service_account: str) -> Identity:
        """Return the certificate of a ServiceAccount."""
        uri = spiffe(mesh.config.trust_domain, namespace, service_account)
        if uri not in self._identities:
            leaf = self.mesh.issue_identity(uri)
            self._identities[uri] = Identity(uri, leaf.certificate, leaf.key)
        return self._identities[uri]

    def client(self, name: str) -> Leaf:
        """Return the certificate of a caller from outside, for a DNS name."""
        if name not in self._clients:
            self._clients[name] = self.outside.issue_host(name)
        return self._clients[name]

    def of_process(
        self, mesh: Mesh, workload: Workload, settings: RehearsalSettings
    ) -> Leaf | None:
        """Return the certificate of a workload's process; None if it speaks no TLS."""
        tls = settings.of(workload).tls
        if tls is None:
            return None
        if tls.certificate and tls.key:
            return Leaf(settings.folder / tls.certificate, settings.folder / tls.key)
        issuer = tls.config_map(workload.namespace) or tls.issuer
        names = tls.names or tuple(_service_names(mesh, workload)) or (workload.name,)
        if (issuer, names) not in self._processes:
            self._processes[issuer, names] = self._issuer(issuer).issue_host(*names)
        return self._processes[issuer, names]

    def authorities(self, mesh: Mesh) -> dict[str, Path]:
        """Return whom proxies trust in the place of each ConfigMap's authority.

        That is the ConfigMap's own, a local one, and outside hosts'. One whose certificate can't be
        read is left out, as Envoy does not take it.
        """
        return {
            name: _together(
                self._folder / f"{name.replace('/', '.')}.pem",
                text,
                self._issuer(name).certificate.read_text(),
                self.outside.certificate.read_text(),
            )
            for name, text in mesh.authorities.items()
            if holds_certificates(text)
        }

    def _issuer(self, name: str) -> Authority:
        if name not in self._issuers:
            folder = self._folder / name.replace("/", ".")
            self._issuers[name] = Authority(f"rehearsal: {name}", folder)
        return self._issuers[name]

    def of_gateways(self, mesh: Mesh) -> dict[str, Leaf]:
        """Return the certificates of gateways, by the name of the Secret that they replace.

        Each has the DNS names of cert-manager's Certificate for the Secret, or the hosts of the
        Gateway's server if nothing declared fills the Secret.
        """
        certified: dict[str, Leaf] = {}
        for proxy in mesh.gateway_proxies:
            issued = {
                each.spec.secret_name: each.spec.dns_names
                for each in mesh.certificates
                if each.metadata.namespace == proxy.namespace
            }
            for server in gateway_servers(mesh, proxy.labels):
                secret = server.tls.certificate
                hosts = tuple(host.rpartition("/")[2] for host in server.hosts)
                names = issued.get(secret, hosts)
                if secret and names not in self._hosts:
                    self._hosts[names] = self.public.issue_host(*names)
                if secret:
                    certified[secret] = self._hosts[names]
        return certified


def _service_names(mesh: Mesh, workload: Workload) -> Iterator[str]:
    """Yield the names by which callers know a workload's Services."""
    for service in mesh.services:
        name, namespace = service.metadata.name, service.metadata.namespace
        if namespace == workload.namespace and service.spec.selects(workload.labels):
            middle = f"{name}.{namespace}"
            yield from (mesh.service_host(service), f"{middle}.svc", middle, name)


def _together(file: Path, *texts: str) -> Path:
    file.write_text("\n".join(text.strip() for text in texts) + "\n")
    return file
