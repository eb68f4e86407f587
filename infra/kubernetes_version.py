"""The Kubernetes version of a cluster that exists, checked before anything is declared in it."""

import json
import re
import subprocess
from collections.abc import Iterable

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from petmesh.mesh.istio import OLDEST_KUBERNETES, RELEASE, minor

# A plugin that logs in takes seconds; the API server itself gets fewer.
SECONDS = 20
_REQUEST_SECONDS = 5
_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-][0-9A-Za-z.+-]{0,50})?")


class _UnknownVersionError(Exception):
    """The version can't be had; the text says why."""


def refuse_older_kubernetes(context: str, istio: Iterable[str]) -> None:
    """Refuse the cluster of a kube context whose Kubernetes is older than what the stack needs.

    One whose version can't be had gets a warning: the provider reports what is wrong. A run in
    process has no cluster.

    Args:
        context: The kube context; empty means the current one.
        istio: The versions of the stack's istiods.

    Raises:
        pulumi.RunError: The version is older.
    """
    if isinstance(get_monitor(), MockMonitor):
        return
    named = f"kubeContext = {context}: its" if context else 'kubeContext = "": the current one\'s'
    try:
        version, why = _version(context), "kubectl version reported none"
    except _UnknownVersionError as error:
        version, why = "", str(error)
    check_version(f"{named} cluster's", version, istio, why)


def check_version(whose: str, version: str, istio: Iterable[str], why_unknown: str) -> None:
    """Refuse a version of Kubernetes that is older than what istiods run on; warn of none.

    Args:
        whose: The cluster, behind the key that names it.
        version: The API server's, such as v1.34.4-gke.100; empty where it isn't known.
        istio: The versions of the istiods. One of which nothing is known is taken for the newest.
        why_unknown: What to say of a version that isn't known.

    Raises:
        pulumi.RunError: The version is older.
    """
    newest = OLDEST_KUBERNETES[minor(RELEASE)]
    oldest = {each: OLDEST_KUBERNETES.get(minor(each), newest) for each in istio}
    demanding = max(oldest, key=lambda each: oldest[each])
    allowed = f"must be 1.{oldest[demanding]} or later for Istio {demanding}"
    parts = _VERSION.fullmatch(version)
    if not parts:
        pulumi.log.warn(f"{whose} version of Kubernetes isn't known, {allowed}: {why_unknown}")
    elif (int(parts[1]), int(parts[2])) < (1, oldest[demanding]):
        raise pulumi.RunError(f"{whose} version of Kubernetes is {parts[0]}: {allowed}")


def _version(context: str) -> str:
    """Return the API server's version, such as v1.31.4-gke.100; empty where kubectl has none."""
    command = ["kubectl", "version", "--output=json", f"--request-timeout={_REQUEST_SECONDS}s"]
    if context:
        command.append(f"--context={context}")
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise _UnknownVersionError(f"kubectl didn't answer within {SECONDS} s") from None
    except OSError as error:
        raise _UnknownVersionError(f"kubectl: {error.strerror}") from None
    if result.returncode:
        raise _UnknownVersionError(f"kubectl version ended with exit status {result.returncode}")
    try:
        version = json.loads(result.stdout)["serverVersion"]["gitVersion"]
    except (ValueError, LookupError, TypeError, RecursionError):
        version = None
    return version if isinstance(version, str) else ""
