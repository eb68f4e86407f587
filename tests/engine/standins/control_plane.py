"""A real API server in the place of the stand-in cluster's, and the way in that GKE's clients take.

`ENGINE_KUBECONFIG` names a kubeconfig whose current context is a cluster to be filled and emptied:
with a certificate for its user, nodes that take pods for ready without running them (kwok), since
the images are a stand-in's, and an API server that calls no admission webhook (the flag
`--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook`), since no istiod
runs that would answer. `ENGINE_CHARTS` is where Istio's charts are, if not in their repository.
"""

import base64
import json
import os
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KUBECONFIG = "ENGINE_KUBECONFIG"
CHARTS = "ENGINE_CHARTS"
AUTH_PLUGIN = "gke-gcloud-auth-plugin"


@dataclass(frozen=True)
class ControlPlane:
    """One cluster's API server.

    Attributes:
        address: Its host and port, by address.
        dns: Its host and port, by name; its certificate is for both.
        ca: Its CA, as PEM.
        certificate: A user's certificate, as PEM.
        key: Its private key, as PEM.
        user: That user's name.
    """

    address: str
    dns: str
    ca: str
    certificate: str
    key: str
    user: str = "admin"

    def certified(self, user: str, group: str) -> "ControlPlane":
        """The same for a user of a group, by a certificate that its user of today approves."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [(NameOID.COMMON_NAME, user), (NameOID.ORGANIZATION_NAME, group)]
        subject = x509.Name([x509.NameAttribute(kind, name) for kind, name in names])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        signed = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        name = user.partition("@")[0]
        asked: dict[str, object] = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": base64.b64encode(signed).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        }
        kubectl("delete", "certificatesigningrequest", name, "--ignore-not-found")
        kubectl("create", "--filename=-", given=json.dumps(asked))
        kubectl("certificate", "approve", name)
        path = "jsonpath={.status.certificate}"
        kubectl("wait", "csr", name, f"--for={path}", "--timeout=60s")
        certificate = kubectl("get", "csr", name, f"--output={path}")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return replace(self, certificate=_pem(certificate), key=pem, user=name)

    def environment(self, folder: Path) -> dict[str, str]:
        """Write the exec plugin and the CA into a folder; the variables with which they are found.

        A DNS endpoint's certificate is of a public CA; this one's is trusted beside them.
        """
        folder.mkdir(exist_ok=True)
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"clientCertificateData": self.certificate, "clientKeyData": self.key},
        }
        plugin = folder / AUTH_PLUGIN
        plugin.write_text(f"#!/bin/sh\nprintf %s {shlex.quote(json.dumps(credential))}\n")
        plugin.chmod(0o700)
        trusted = folder / "trusted"
        trusted.mkdir(exist_ok=True)
        (trusted / "ca.pem").write_text(self.ca)
        return {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "SSL_CERT_DIR": f"{trusted}{os.pathsep}/etc/ssl/certs",
        }


def kubectl(*arguments: str, given: str | None = None, check: bool = True) -> str:
    """What kubectl prints for the cluster's user; with `check` it has to succeed."""
    done = subprocess.run(
        ["kubectl", "--kubeconfig", os.environ[KUBECONFIG], *arguments],
        input=given,
        check=check,
        text=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout.strip()


def control_plane() -> ControlPlane | None:
    """The one that ENGINE_KUBECONFIG names, if it is set."""
    if not (path := os.environ.get(KUBECONFIG)):
        return None
    known = yaml.safe_load(Path(path).read_text())
    context = _named(known["contexts"], known["current-context"])["context"]
    cluster = _named(known["clusters"], context["cluster"])["cluster"]
    user = _named(known["users"], context["user"])["user"]
    server = urlsplit(str(cluster["server"]))
    return ControlPlane(
        address=f"{server.hostname}:{server.port}",
        dns=f"localhost:{server.port}",
        ca=_pem(cluster["certificate-authority-data"]),
        certificate=_pem(user["client-certificate-data"]),
        key=_pem(user["client-key-data"]),
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [found] = [each for each in entries if each["name"] == name]
    return found


def _pem(data: str) -> str:
    return base64.b64decode(data).decode()
