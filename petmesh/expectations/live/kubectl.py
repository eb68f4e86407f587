"""kubectl, as a short-lived pod needs it."""

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
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
        await self.run("wait", *what, seconds=seconds + _SECONDS)

    async def execute(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes, seconds: float
    ) -> tuple[bytes, str]:
        """Run a command in a pod's container, and return what it printed and its last words.

        Raises:
            NotAskedError: it doesn't end in time.
        """
        arguments = ("exec", "-i", pod, f"--container={container}", "--", *command)
        _, out, err = await self._run(arguments, stdin, seconds)
        return out, _last(err)

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


def _last(err: bytes) -> str:
    lines = [" ".join(line.split()) for line in err.decode(errors="replace").splitlines()]
    text = " / ".join(line for line in lines if line)[-_LONGEST:]
    return text or "it failed"
