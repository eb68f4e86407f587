"""The common context of scenes: the session, and its pods and callers."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from apps.catalog import Service
from demo.pets import PETDETAILS
from demo.scenes.http_client import Response, send_request
from petmesh.envoy.topology import Pod
from petmesh.host.ports import LOOPBACK
from petmesh.program.declaration import ProgramError
from petmesh.rehearsal.load import FAILED, Classifier
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

PATH = "/pet/123"


@dataclass(frozen=True)
class SceneContext:
    """A started session, and how its responses are classified.

    Attributes:
        session: the mesh.
        classify: returns the version of petdetailsservice behind a response of petservice's.
        progress: shows what is being done.
    """

    session: Session
    classify: Classifier
    progress: Callable[[str], None]

    @property
    def stable(self) -> str:
        """The stable version of petdetailsservice."""
        return self.session.releases[PETDETAILS.name].stable

    @property
    def canary(self) -> str:
        """The canary's version."""
        return self.session.releases[PETDETAILS.name].canary

    @property
    def workload(self) -> str:
        """The canary's Deployment."""
        return f"{PETDETAILS.name}-{self.canary}"

    @property
    def details_host(self) -> str:
        """Petdetailsservice's fully qualified name."""
        return self.session.releases[PETDETAILS.name].host

    def pod(self, service: Service) -> Pod:
        """Return a pod of a service; of petdetailsservice one of the stable version."""
        version = self.stable if service is PETDETAILS else service.versions[0]
        return self.session.runtime.pods_of(f"{service.name}-{version}")[0]

    def sidecar(self, service: Service) -> str:
        """Return the URL of the sidecar of a service's pod, as a forward proxy."""
        return f"http://{LOOPBACK}:{self.pod(service).outbound_port}"

    async def around_proxy(
        self, caller: Service, called: Service, path: str, method: str = "GET"
    ) -> Response | None:
        """Call a pod with a caller's own identity, bypassing the caller's sidecar."""
        url = f"https://{LOOPBACK}:{self.pod(called).inbound_port}{path}"
        return await send_request(url, tls=self._mutual_tls(caller), method=method)

    async def to_gateway(
        self, caller: Service | None, host: str, path: str, *, named: str = ""
    ) -> Response | None:
        """Call the egress gateway with a caller's own identity, bypassing its sidecar.

        Args:
            caller: whose identity; None for a caller without one.
            host: the outside host, which the TLS server name says.
            path: of the request.
            named: the host in the request itself, if it is another.
        """
        [gateway] = self.session.runtime.inner_gateways
        [port] = gateway.ports.values()
        url = f"https://{host}:{port}{path}"
        return await send_request(url, {"Host": named or host}, tls=self._mutual_tls(caller))

    def _mutual_tls(self, caller: Service | None) -> ssl.SSLContext:
        tls = ssl.create_default_context(cafile=self.session.runtime.trust)
        # The certificate holds an identity, and no name of a host.
        tls.check_hostname = False
        if caller:
            identity = self.pod(caller).identity
            tls.load_cert_chain(identity.certificate, identity.key)
        return tls

    async def counted(self) -> dict[str, VersionMetrics]:
        """Return Envoy's counts for each version of petdetailsservice so far."""
        return await self.session.runtime.version_metrics(self.details_host)


async def learn_versions(session: Session) -> Classifier:
    """Return a classifier that tells the versions of petdetailsservice by their responses.

    Raises:
        ProgramError: two versions respond alike.
    """
    known: dict[str, str] = {}
    details = session.releases[PETDETAILS.name]
    for version in filter(None, (details.stable, details.canary)):
        pod = session.runtime.pods_of(f"{PETDETAILS.name}-{version}")[0]
        answer = await send_request(f"http://{LOOPBACK}:{pod.app_port}{PATH}/details")
        details = _canonical(answer.json if answer else None)
        if details in known:
            raise ProgramError(
                f"{PETDETAILS.name} {known[details]} and {version} respond alike: "
                "the demo tells versions by their responses"
            )
        known[details] = version
    return classify_by(known)


def classify_by(known: Mapping[str, str]) -> Classifier:
    """Return a classifier of petservice's responses by their details; each body is parsed once."""
    seen: dict[bytes, str] = {}

    def classify(status: int, body: bytes) -> str:
        if status != HTTPStatus.OK:
            return FAILED
        if body not in seen:
            seen[body] = _version_of(body, known)
        return seen[body]

    return classify


def _version_of(body: bytes, known: Mapping[str, str]) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return FAILED
    if not isinstance(answer, dict):
        return FAILED
    parts = cast("dict[str, Any]", answer)
    history = parts.get("petMedicalHistory")
    if not isinstance(history, dict) or "vaccinationList" not in history:
        return FAILED
    return known.get(_canonical(parts.get("petDetails")), FAILED)


def _canonical(details: object) -> str:
    return json.dumps(details, sort_keys=True)
