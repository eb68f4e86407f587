"""A short-lived pod with a workload's identity, from which requests are sent."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from petmesh.expectations.live.asking import NotAskedError, PodRefusedError
from petmesh.expectations.live.curl import Curl
from petmesh.expectations.live.kubectl import Kubectl
from petmesh.expectations.model import Question
from petmesh.rehearsal.ask import Answer

DEADLINE_SECONDS: Final = 600
_READY_SECONDS: Final = 120
_ENDED: Final = "status.phase!=Running,status.phase!=Pending"
_PROXY: Final = "istio-proxy"
_MARK: Final = "petmesh.dev/test"
# Nobody, as in Google's distroless images.
_USER: Final = 65532
_LIMITS: Final = {"cpu": "200m", "memory": "64Mi"}
_INJECT: Final = "sidecar.istio.io/inject"


@dataclass(frozen=True)
class Caller:
    """Whose requests a pod sends.

    Attributes:
        namespace: the pod's.
        service_account: its identity.
        labels: a workload's, so that NetworkPolicies, Sidecars and routes take the pod for one of
            its; no Service does, since the pod is never ready.
        container: the name of the workload's container, by which its autoscaler counts.
        meshed: whether it has a sidecar.
    """

    namespace: str
    service_account: str
    labels: Mapping[str, str]
    container: str
    meshed: bool


def manifest(caller: Caller, name: str, image: str) -> dict[str, Any]:
    """Return the pod: as Pod Security's restricted level wants it, with limits and a deadline."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": caller.namespace,
            "labels": {**caller.labels, _INJECT: str(caller.meshed).lower(), _MARK: "caller"},
        },
        "spec": {
            "serviceAccountName": caller.service_account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 1,
            # Nobody sets it: a pod that isn't ready gets no request and counts in no budget.
            "readinessGates": [{"conditionType": f"{_MARK}-never-ready"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": caller.container,
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", str(DEADLINE_SECONDS)],
                    "resources": {"requests": _LIMITS, "limits": _LIMITS},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


class CallerPod:
    """A pod that runs.

    Args:
        kubectl: in its namespace.
        name: the pod's.
        container: that has curl.
    """

    def __init__(self, kubectl: Kubectl, name: str, container: str) -> None:
        self._kubectl = kubectl
        self._name = name
        self._container = container

    async def ask(self, question: Question, *, parallel: bool) -> list[Answer]:
        """Send a question's requests.

        Raises:
            NotAskedError: they can't be sent, or the answer of one isn't known.
        """
        curl = Curl(question, parallel=parallel)
        command = ("curl", "--config", "-")
        return curl.answers(
            await self._kubectl.execute(
                self._name, self._container, command, curl.config(), DEADLINE_SECONDS
            )
        )


@asynccontextmanager
async def caller_pod(kubectl: Kubectl, caller: Caller, image: str) -> AsyncGenerator[CallerPod]:
    """Create a pod, and delete it at the end, whatever happens.

    What an earlier run left, since it was killed, has ended by its deadline and is deleted too.

    Raises:
        PodRefusedError: it is refused, doesn't start, has no sidecar where it must have one, or
            may not be deleted afterwards.
        NotAskedError: it can't be deleted.
    """
    try:
        allowed = await kubectl.may("delete", "pods")
    except NotAskedError as error:
        raise PodRefusedError(str(error)) from error
    if not allowed:
        raise PodRefusedError(f"no right to delete pods in {kubectl.namespace}, so none is created")
    name = f"petmesh-test-{secrets.token_hex(4)}"
    # The API server may take what it was sent though its sender is cancelled meanwhile.
    creating = asyncio.ensure_future(kubectl.create(manifest(caller, name, image)))
    try:
        try:
            _check_sidecar(await asyncio.shield(creating), caller)
            await kubectl.wait(name, "ContainersReady", _READY_SECONDS)
        except NotAskedError as error:
            raise PodRefusedError(str(error)) from error
        yield CallerPod(kubectl, name, caller.container)
    finally:
        await asyncio.wait([creating])
        await _delete(kubectl, name, refused=creating.exception() is not None)


async def _delete(kubectl: Kubectl, name: str, *, refused: bool) -> None:
    try:
        if not refused:
            await kubectl.delete(name)
    except NotAskedError as error:
        where = f"pod {kubectl.namespace}/{name}"
        raise NotAskedError(f"{where} is left, for {DEADLINE_SECONDS} s: {error}") from error
    with suppress(NotAskedError):
        await kubectl.delete(f"--selector={_MARK}=caller", f"--field-selector={_ENDED}")


def _check_sidecar(pod: Mapping[str, Any], caller: Caller) -> None:
    spec: Mapping[str, Any] = pod["spec"]
    names = {each["name"] for key in ("containers", "initContainers") for each in spec.get(key, ())}
    if caller.meshed and _PROXY not in names:
        raise NotAskedError("the pod got no sidecar, so its requests would have no identity")
    if not caller.meshed and _PROXY in names:
        raise NotAskedError("the pod got a sidecar though it asks for none")
