"""Commands and HTTP addresses that a ramp calls between its steps."""

import asyncio
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, field_validator

from petmesh.ramp.events import Event, Hooked
from petmesh.ramp.target import Observations, Releases, Target, TargetError

_LONGEST_OUTPUT: Final = 4096
_ACCEPTED = range(200, 300)


class When(StrEnum):
    """When a hook is called."""

    RAMP = "before-ramp"
    STEP = "before-step"
    STEPPED = "after-step"
    PROMOTION = "before-promotion"
    ROLLBACK = "on-rollback"


class Hook(BaseModel):
    """A command or an HTTP address, and when it is called.

    Attributes:
        call: a command with its arguments, run without a shell; or an address that starts with
            http:// or https://, to which JSON is posted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: When
    call: str = Field(min_length=1)

    @field_validator("call")
    @classmethod
    def _readable(cls, call: str) -> str:
        # A quotation that isn't closed raises a ValueError here.
        if not shlex.split(call):
            raise ValueError("it is empty")
        return call

    @property
    def is_address(self) -> bool:
        """Whether it is an HTTP address."""
        return self.call.startswith(("http://", "https://"))


class HookedTarget:
    """A target whose changes wait for hooks; a hook that fails makes the change fail.

    A hook fails that ends with another status than 0 or is answered with another than 2xx, or takes
    too long. On a rollback nothing waits for a hook: weight 0 is in force before it is called, and
    its failure is told alone.

    Args:
        target: where the ramp runs.
        hooks: what is called, in this order.
        seconds: how long each may take.
        facts: what hooks are told of the ramp.
        post: is told of every hook that was called, with its output.
    """

    def __init__(
        self,
        target: Target,
        hooks: Iterable[Hook],
        seconds: float,
        facts: Mapping[str, str],
        post: Callable[[Event], None],
    ) -> None:
        self._target = target
        self._hooks = list(hooks)
        self._seconds = seconds
        self._facts = facts
        self._post = post
        self._stepped: Releases | None = None
        self._called: asyncio.Task[None] | None = None

    async def releases(self) -> Releases:
        """As it is."""
        releases = await self._target.releases()
        if _is_step(releases):
            self._stepped = releases
        return releases

    async def prepare(self) -> None:
        """As it is."""
        await self._target.prepare()

    async def apply(self, releases: Releases) -> None:
        """Change, with the hooks of a step or of a rollback."""
        if not _is_step(releases):
            await self._target.apply(releases)
            await self._call(When.ROLLBACK, releases)
            return
        if self._stepped is None:
            await self._call(When.RAMP, releases)
        elif self._stepped != releases:
            await self._call(When.STEPPED, self._stepped)
        await self._call(When.STEP, releases)
        await self._target.apply(releases)
        self._stepped = releases

    async def promote(self, releases: Releases) -> None:
        """Promote, once the hooks of the last step and of the promotion passed."""
        if self._stepped is not None:
            await self._call(When.STEPPED, self._stepped)
        await self._call(When.PROMOTION, releases)
        await self._target.promote(releases)

    def interrupt(self) -> None:
        """End the hook that is being called, too."""
        if self._called is not None:
            self._called.cancel()
        self._target.interrupt()

    @property
    def looks_before(self) -> int:
        """As it is."""
        return self._target.looks_before

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """As it is."""
        return await self._target.observe(releases, seconds)

    async def close(self) -> None:
        """As it is."""
        await self._target.close()

    async def _call(self, when: When, releases: Releases) -> None:
        for hook in self._hooks:
            if hook.when is when:
                self._called = asyncio.create_task(self._called_once(hook, releases))
                try:
                    await self._called
                except asyncio.CancelledError as error:
                    raise TargetError(f"hook {when}: it was interrupted") from error
                except TargetError:
                    if when is not When.ROLLBACK:
                        raise
                finally:
                    self._called = None

    async def _called_once(self, hook: Hook, releases: Releases) -> None:
        weight = max(each.weight for each in releases.values())
        facts = {"when": str(hook.when), **self._facts, "weight": str(weight)}
        call = _post if hook.is_address else _run
        try:
            async with asyncio.timeout(self._seconds):
                good, output = await call(hook.call, facts)
        except TimeoutError:
            good, output = False, f"no end within {self._seconds:g} s"
        self._post(Hooked(when=str(hook.when), good=good, output=output))
        if not good:
            raise TargetError(f"hook {hook.when}: {output}")


def _is_step(releases: Releases) -> bool:
    return any(each.is_raised for each in releases.values())


async def _run(call: str, facts: dict[str, str]) -> tuple[bool, str]:
    """Run a command; returns whether it ended with status 0, and its output."""
    variables = {f"PETMESH_{name.upper()}": value for name, value in facts.items()}
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(call),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return False, f"it can't be run: {getattr(error, 'strerror', None) or error}"
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
    text = output[-_LONGEST_OUTPUT:].decode(errors="replace").strip()
    status = process.returncode
    return status == 0, text if status == 0 else f"status {status}: {text}"


async def _post(call: str, facts: dict[str, str]) -> tuple[bool, str]:
    """Post JSON; returns whether it was answered with 2xx, and the answer."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(call, json=facts, allow_redirects=False) as response,
        ):
            body = await response.content.read(_LONGEST_OUTPUT)
            text = body.decode(errors="replace").strip()
            good = response.status in _ACCEPTED
            return good, text if good else f"status {response.status}: {text}"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # An address may hold a secret: no message shows it.
        return False, f"it doesn't answer: {type(error).__name__}"
