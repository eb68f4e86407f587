"""The certificates of a run: workloads' identities, outside hosts', and gateways'."""

from pathlib import Path

from petmesh.envoy.names import spiffe
from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import Identity
from petmesh.host.pki import Authority, Leaf
from petmesh.mesh.mesh import Mesh


class Certificates:
    """Issues certificates, each once.

    Args:
        folder: for the certificates.

    Attributes:
        mesh: the authority that workloads trust.
        outside: the authority of outside hosts.
        public: the authority that the ingress's callers trust.
    """

    def __init__(self, folder: Path) -> None:
        self.mesh = Authority("rehearsal: mesh", folder / "mesh")
        self.outside = Authority("rehearsal: outside", folder / "outside")
        self.public = Authority("rehearsal: ingress", folder / "ingress")
        self._identities: dict[str, Identity] = {}
        self._hosts: dict[tuple[str, ...], Leaf] = {}
        self._clients: dict[str, Leaf] = {}

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
