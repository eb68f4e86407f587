"""A steady load on the ingress gateway from a pod of the cluster."""

import json
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.local_stack import kubectl

NAMESPACE = "petmesh-load"
REQUESTS_PER_SECOND = 60
CONNECTIONS = 12
_INGRESS = "istio-ingressgateway.istio-ingress.svc.cluster.local"
_ARGUMENTS = (_INGRESS, "80", "/pet/123", "pets.localhost")
_SCRIPT = Path(__file__).with_name("steady.py")
_NOBODY = 65532
# Until the requests of a moment are counted: the pod tells each second, and its log is read late.
_SETTLE_SECONDS = 3


@dataclass
class Span:
    """The requests between two moments.

    Attributes:
        sent: How many were sent.
        failures: What each one that failed got instead of a 200.
        seconds: The time between.
        slowest: Of the slowest one, in seconds.
    """

    sent: int = 0
    failures: Sequence[str] = ()
    seconds: float = 0.0
    slowest: float = 0.0


class SteadyLoad:
    """A pod that sends requests while this is open."""

    @contextmanager
    def measured(self) -> Generator[Span]:
        """Measure the requests of a `with` block, and of a moment after it."""
        span = Span()
        before, began = self._told(), time.monotonic()
        yield span
        span.seconds = time.monotonic() - began
        time.sleep(_SETTLE_SECONDS)
        new = self._told()[len(before) :]
        first = max((each["sent"] for each in before if "sent" in each), default=0)
        seconds = [each for each in new if "sent" in each]
        span.sent = seconds[-1]["sent"] - first
        span.slowest = max(each["slowest"] for each in seconds)
        span.failures = [json.dumps(each) for each in new if "failure" in each]

    def _told(self) -> list[dict[str, Any]]:
        log = kubectl("logs", "steady", f"--namespace={NAMESPACE}")
        return [json.loads(line) for line in log.splitlines()]


@contextmanager
def steady_load(image: str) -> Generator[SteadyLoad]:
    """Send requests to the ingress gateway while this is open.

    Args:
        image: An image with a Python, which the cluster has.
    """
    kubectl("apply", "--filename=-", given=json.dumps(_objects(image)))
    try:
        kubectl(
            "wait",
            "--for=condition=Ready",
            "pod/steady",
            f"--namespace={NAMESPACE}",
            "--timeout=120s",
        )
        load = SteadyLoad()
        with load.measured() as warm:
            time.sleep(_SETTLE_SECONDS)
        assert warm.sent, "no request was sent"
        yield load
    finally:
        kubectl("delete", "namespace", NAMESPACE)


def _objects(image: str) -> object:
    container = {
        "name": "steady",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", _SCRIPT.read_text(), *_ARGUMENTS],
        "args": [str(CONNECTIONS), str(REQUESTS_PER_SECOND)],
        # With none, a busy node would starve it.
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "steady", "namespace": NAMESPACE},
        "spec": {
            "containers": [container],
            "securityContext": {"runAsUser": _NOBODY, "runAsNonRoot": True},
            "automountServiceAccountToken": False,
        },
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return {"apiVersion": "v1", "kind": "List", "items": [namespace, pod]}
