"""A stack's mesh, kept as its program declares it while the configuration changes."""

import asyncio
from collections.abc import Mapping

from petmesh.mesh.gather import gather
from petmesh.program.declaration import Declaration
from petmesh.program.difference import Difference, compare
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.project import project
from petmesh.rehearsal.runtime import Change, Runtime


class Session:
    """Runs a stack's program and keeps its mesh in force on a runtime.

    Args:
        runtime: not started yet; the caller stops it.
        stack: whose program is run.
        overrides: configuration that wins over the stack's.

    Attributes:
        stack, overrides: what is in force.
    """

    def __init__(self, runtime: Runtime, stack: str, overrides: Mapping[str, str]) -> None:
        self.runtime = runtime
        self.stack = stack
        self.overrides = dict(overrides)
        self._declaration: Declaration | None = None

    @property
    def declaration(self) -> Declaration:
        """What is in force."""
        if self._declaration is None:
            raise RuntimeError("the session was not started")
        return self._declaration

    def config(self, key: str) -> str:
        """A value of the stack's configuration by its name alone, as it is in force."""
        declaration = self.declaration
        return declaration.config[f"{declaration.project}:{key}"]

    @property
    def canary(self) -> str:
        """The canary's version; empty for none."""
        return self.config("canaryVersion")

    @property
    def host(self) -> str:
        """The name in the whole cluster of the service whose versions share the requests."""
        return f"{project().service}.{self.config('namespace')}.svc.cluster.local"

    async def start(self) -> Change:
        """Run the program and start what it declares.

        Raises:
            ProgramError: the program refuses.
            RefusedError: the rehearsal doesn't know something that is declared.
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
        """Run the program with further overrides, and put in force what it declares.

        Args:
            overrides: configuration that wins over the session's own.
            stack: another stack's name, whose mesh takes this one's place.
            lasting: whether later changes build on this one, instead of on the session's own.

        Returns:
            What differs in the declarations, and what it took to put it in force.

        Raises:
            ProgramError, RefusedError: nothing was changed.
            ProcessError: a process failed or an Envoy refused a file.
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
        """Run the program with further overrides, and put nothing in force."""
        chosen = stack or self.stack
        merged = with_placeholders(chosen, {**self.overrides, **overrides})
        return await asyncio.to_thread(declare, chosen, merged)
