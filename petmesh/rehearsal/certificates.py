"""The certificates of a run: workloads' identities, outside hosts', and those of gateways."""

from pathlib import Path

from petmesh.envoy.names import spiffe
from petmesh.envoy.routes import gateway_servers
from petmesh.envoy.topology import Identity
from petmesh.host.pki import Authority, Leaf
from petmesh.mesh.mesh import Mesh


class Certificates:
    """Issues each certificate once.

    Args:
        folder: where they are kept.

    Attributes:
        mesh: the authority that the mesh's workloads trust.
        outside: the one of outside hosts.
        public: the one that the ingress's callers trust.
    """

    def __init__(self, folder: Path) -> None:
        self.mesh = Authority("rehearsal: mesh", folder / "mesh")
        self.outside = Authority("rehearsal: outside", folder / "outside")
        self.public = Authority("rehearsal: ingress", folder / "ingress")
        self._identities: dict[str, Identity] = {}
        self._hosts: dict[tuple[str, ...], Leaf] = {}

    def identity(self, mesh: Mesh, namespace: str, service_account: str) -> Identity:
        """A service account's certificate."""
        uri = spiffe(mesh.config.trust_domain, namespace, service_account)
        if uri not in self._identities:
            leaf = self.mesh.issue_identity(uri)
            self._identities[uri] = Identity(uri, leaf.certificate, leaf.key)
        return self._identities[uri]

    def of_gateways(self, mesh: Mesh) -> dict[str, Leaf]:
        """A certificate in the place of each Secret that a gateway takes one from, by its name.

        It is for the names that cert-manager is to certify, or, where another is to fill the
        Secret, for the server's hosts.
        """
        certified: dict[str, Leaf] = {}
        for proxy in mesh.gateway_proxies:
            issued = {
                each.spec.secret_name: each.spec.dns_names
                for each in mesh.certificates
                if each.metadata.namespace == proxy.namespace
            }
            for server in gateway_servers(mesh, proxy.labels):
                secret = server.tls.credential_name
                hosts = tuple(host.rpartition("/")[2] for host in server.hosts)
                names = issued.get(secret, hosts)
                if secret and names not in self._hosts:
                    self._hosts[names] = self.public.issue_host(*names)
                if secret:
                    certified[secret] = self._hosts[names]
        return certified
