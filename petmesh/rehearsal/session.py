"""A stack's mesh on this machine, declared by its program as the configuration changes."""

import asyncio
from collections.abc import Mapping

from petmesh.mesh.gather import gather
from petmesh.program.declaration import Declaration
from petmesh.program.difference import Difference, compare
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.rehearsal.runtime import Change, Runtime


class Session:
    """Runs a stack's program and applies its mesh to a runtime.

    Args:
        runtime: not started yet; the caller stops it.
        stack: the stack's name.
        overrides: configuration that overrides the stack's.

    Attributes:
        stack, overrides: the ones that are applied.
    """

    def __init__(self, runtime: Runtime, stack: str, overrides: Mapping[str, str]) -> None:
        self.runtime = runtime
        self.stack = stack
        self.overrides = dict(overrides)
        self._declaration: Declaration | None = None

    @property
    def declaration(self) -> Declaration:
        """The applied declaration."""
        if self._declaration is None:
            raise RuntimeError("the session was not started")
        return self._declaration

    def config(self, key: str) -> str:
        """Return a value of the applied configuration, by its name without a namespace."""
        declaration = self.declaration
        return declaration.config[f"{declaration.project}:{key}"]

    @property
    def canary(self) -> str:
        """The canary's version; empty for none."""
        return self.config("canaryVersion")

    @property
    def host(self) -> str:
        """The fully qualified name of the service that has the canary."""
        return f"{self.service}.{self.config('namespace')}.svc.cluster.local"

    @property
    def service(self) -> str:
        """The service that has the canary."""
        return self.config("canaryService")

    @property
    def canary_workload(self) -> str:
        """The name of the canary's Deployment."""
        return f"{self.service}-{self.canary}"

    async def start(self) -> Change:
        """Run the program and start its mesh.

        Raises:
            ProgramError: the config or the program is refused.
            RefusedError: the rehearsal doesn't know a declared field, value or kind.
            PortInUseError: the ingress's port is taken.
            ProcessError: a process failed.
        """
        declaration = await self.declare({})
        change = await self.runtime.start(gather(declaration))
        self._declaration = declaration
        return change

    async def change(
        self, overrides: Mapping[str, str], *, stack: str | None = None, lasting: bool = False
    ) -> tuple[tuple[Difference, ...], Change]:
        """Run the program with further overrides, and apply its mesh.

        Args:
            overrides: configuration that overrides the session's own.
            stack: another stack's name, whose mesh replaces this one's.
            lasting: whether later changes build on this one, instead of on the session's own.

        Returns:
            The differences of the declarations, and the effect of applying them.

        Raises:
            ProgramError, RefusedError: nothing was changed.
            ProcessError: a process failed or an Envoy rejected a file.
        """
        declaration = await self.declare(overrides, stack)
        mesh = gather(declaration)
        differences = compare(self.declaration, declaration)
        change = await self.runtime.apply(mesh)
        self._declaration = declaration
        if lasting:
            self.stack = declaration.stack
            self.overrides |= overrides
        return differences, change

    async def declare(self, overrides: Mapping[str, str], stack: str | None = None) -> Declaration:
        """Run the program with further overrides, and apply nothing."""
        chosen = stack or self.stack
        merged = with_placeholders(chosen, {**self.overrides, **overrides})
        return await asyncio.to_thread(declare, chosen, merged)
