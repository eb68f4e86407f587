"""kubectl, as a short-lived pod needs it."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from petmesh.expectations.live.asking import NotAskedError

_SECONDS: Final = 60.0
_LONGEST: Final = 300


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one context of the kubeconfig.

    Attributes:
        context: the context's name.
        namespace: what each command works in.
    """

    context: str
    namespace: str

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object and return it as the API server has it.

        Raises:
            NotAskedError: it was refused.
        """
        text = json.dumps(manifest).encode()
        created: dict[str, Any] = json.loads(
            await self.run("create", "-f", "-", "-o", "json", stdin=text)
        )
        return created

    async def wait(self, pod: str, condition: str, seconds: int) -> None:
        """Wait until a pod has a condition.

        Raises:
            NotAskedError: it hasn't in time.
        """
        what = (f"pod/{pod}", f"--for=condition={condition}", f"--timeout={seconds}s")
        try:
            await self.run("wait", *what, seconds=seconds + _SECONDS)
        except NotAskedError as error:
            held = json.loads(await self.run("get", "pod", pod, "-o", "json"))
            raise NotAskedError("; ".join([str(error), *_waiting(held)])) from error

    async def may(self, verb: str, resource: str) -> bool:
        """Return whether the API server would allow something.

        Raises:
            NotAskedError: it doesn't tell.
        """
        status, out, err = await self._run(("auth", "can-i", verb, resource), b"", _SECONDS)
        if out.split()[:1] not in ([b"yes"], [b"no"]):
            raise NotAskedError(f"kubectl auth: {_last(err)}")
        return status == 0

    async def execute(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes, seconds: float
    ) -> bytes:
        """Run a command in a pod's container, and return what it printed.

        Raises:
            NotAskedError: it printed nothing and failed, or doesn't end in time.
        """
        arguments = ("exec", "-i", pod, f"--container={container}", "--", *command)
        status, out, err = await self._run(arguments, stdin, seconds)
        if status and not out:
            raise NotAskedError(f"kubectl exec: {_last(err)}")
        return out

    async def delete(self, *what: str) -> None:
        """Delete pods, and don't wait until they are gone.

        Raises:
            NotAskedError: they can't be deleted.
        """
        await self.run("delete", "pod", *what, "--ignore-not-found", "--wait=false", "--now")

    async def run(self, *arguments: str, stdin: bytes = b"", seconds: float = _SECONDS) -> bytes:
        """Run a command and return what it printed.

        Raises:
            NotAskedError: it failed, or takes too long.
        """
        status, out, err = await self._run(arguments, stdin, seconds)
        if status:
            raise NotAskedError(f"kubectl {arguments[0]}: {_last(err)}")
        return out

    async def _run(
        self, arguments: Sequence[str], stdin: bytes, seconds: float
    ) -> tuple[int, bytes, bytes]:
        """Run kubectl in a session of its own: a Ctrl-C is this process's to answer."""
        path = shutil.which("kubectl")
        if path is None:
            raise NotAskedError("kubectl: it isn't on the PATH")
        process = await asyncio.create_subprocess_exec(
            path,
            f"--context={self.context}",
            f"--namespace={self.namespace}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            raise NotAskedError(
                f"kubectl {arguments[0]}: takes longer than {seconds:g} s"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out, err


def _waiting(pod: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a pod's place on a node, and each of its containers, waits for."""
    status: Mapping[str, Any] = pod.get("status", {})
    told = [each for each in status.get("conditions", ()) if each["type"] == "PodScheduled"]
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    told += [each["state"]["waiting"] for each in containers if "waiting" in each["state"]]
    for each in told:
        if each.get("message"):
            yield f"{each['reason']}: {each['message']}"


def _last(err: bytes) -> str:
    lines = [" ".join(line.split()) for line in err.decode(errors="replace").splitlines()]
    text = " / ".join(line for line in lines if line)[-_LONGEST:]
    return text or "it failed"
