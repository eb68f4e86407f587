"""A live cluster, asked by kubectl."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

_SECONDS: Final = 60


class ClusterError(Exception):
    """The cluster can't be asked; the text says why, in one line."""


@dataclass(frozen=True)
class Cluster:
    """A cluster.

    Attributes:
        context: its kube context; empty for the current one.
    """

    context: str = ""

    def version(self) -> str:
        """Return the API server's version, such as v1.33.1.

        Raises:
            ClusterError: it can't be had.
        """
        answer = self._json("version")
        try:
            return str(answer["serverVersion"]["gitVersion"])
        except (LookupError, TypeError):
            raise ClusterError("kubectl version reported none") from None

    def items(self, kind: str) -> Sequence[dict[str, Any]]:
        """Return every object of a kind; none where the cluster doesn't know the kind.

        Args:
            kind: plural, with its group, such as gateways.networking.istio.io.

        Raises:
            ClusterError: they can't be had.
        """
        if "." in kind and kind not in self._kinds():
            return []
        return cast("list[dict[str, Any]]", self._json("get", kind, "--all-namespaces")["items"])

    def may_create(self, kind: str, namespace: str) -> bool:
        """Return whether the user may create objects of a kind in a namespace.

        Raises:
            ClusterError: it can't be known.
        """
        done = self._run("auth", "can-i", "create", kind, "--namespace", namespace)
        answer = done.stdout.strip().splitlines()[-1:]
        if answer not in (["yes"], ["no"]):
            raise ClusterError(_reason(done))
        return answer == ["yes"]

    def _kinds(self) -> Sequence[str]:
        done = self._run("api-resources", "--output", "name")
        if not done.stdout:
            raise ClusterError(_reason(done))
        return done.stdout.split()

    def _json(self, *arguments: str) -> Any:  # noqa: ANN401 (JSON)
        done = self._run(*arguments, "--output", "json")
        if done.returncode:
            raise ClusterError(_reason(done))
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise ClusterError(f"kubectl {arguments[0]} answered no JSON") from None

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        context = ["--context", self.context] if self.context else []
        try:
            return subprocess.run(
                ["kubectl", *context, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"kubectl {arguments[0]} took more than {_SECONDS} s") from None
        except OSError as error:
            raise ClusterError(f"kubectl: {error.strerror}") from None


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"kubectl ended with exit status {done.returncode}"
