"""The Kubernetes version of a cluster that exists, checked before anything is declared in it."""

import json
import re
import subprocess

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

# A pod's `preStop` sleeps here, which versions before don't know.
# https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-implementations
OLDEST_KUBERNETES = (1, 30)
# A plugin that logs in takes seconds; the API server itself gets fewer.
SECONDS = 20
_REQUEST_SECONDS = 5
_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-][0-9A-Za-z.+-]{0,50})?")


class _UnknownVersionError(Exception):
    """The version can't be read; the text says why."""


def refuse_older_kubernetes(context: str) -> None:
    """Refuse a cluster whose Kubernetes is older than what the stack's pods need.

    One whose version can't be read gets a warning: the provider reports what is wrong. A run in
    process has no cluster.

    Args:
        context: The kube context; empty means the current one.

    Raises:
        pulumi.RunError: The version is older.
    """
    if isinstance(get_monitor(), MockMonitor):
        return
    allowed = f"must be {'.'.join(map(str, OLDEST_KUBERNETES))} or later"
    named = f"kubeContext = {context}: its" if context else 'kubeContext = "": the current one\'s'
    try:
        version, parts = _version(context)
    except _UnknownVersionError as error:
        pulumi.log.warn(f"{named} cluster's version of Kubernetes isn't known, {allowed}: {error}")
        return
    if parts < OLDEST_KUBERNETES:
        raise pulumi.RunError(f"{named} cluster's version of Kubernetes is {version}: {allowed}")


def _version(context: str) -> tuple[str, tuple[int, int]]:
    """Return the API server's version, such as v1.31.4-gke.100, and its first two parts."""
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
    parts = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if not parts:
        raise _UnknownVersionError("kubectl version reported none")
    return parts[0], (int(parts[1]), int(parts[2]))
