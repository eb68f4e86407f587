"""A stack's mesh on this machine, declared by its program as the configuration changes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.program.config_keys import StackConfigError, is_path, set_paths
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.difference import Difference, compare
from petmesh.program.exported import ExportedRelease, ExportError, read_releases
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.program.stack_config import project_name, stack_config
from petmesh.project import ROOT
from petmesh.rehearsal.runtime import Change, Runtime


class Session:
    """Runs a stack's program and applies its mesh to a runtime.

    Args:
        runtime: not started yet; the caller stops it.
        stack: the stack's name.
        overrides: configuration that overrides the stack's, by a key or a path.
        root: the folder of the program. Of another program than this checkout's, what its mesh
            leaves to others, such as istiod, is assumed.
        lenient: whether what the rehearsal doesn't know is left out.

    Attributes:
        stack, overrides: the ones that are applied.
        beneath: configuration beneath that of the stacks that this one refers to.
    """

    def __init__(
        self,
        runtime: Runtime,
        stack: str,
        overrides: Mapping[str, str],
        root: Path = ROOT,
        *,
        lenient: bool = False,
    ) -> None:
        self.runtime = runtime
        self.stack = stack
        self.overrides = dict(overrides)
        self._root = root
        self._lenient = lenient
        self._changing = asyncio.Lock()
        self._usual: Mapping[str, str] = {}
        self.beneath: Mapping[str, str] = {}
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
    def releases(self) -> Mapping[str, ExportedRelease]:
        """The releases that the applied program exports, by service.

        Raises:
            ProgramError: the output is of another form.
        """
        try:
            return read_releases(self.declaration.outputs)
        except ExportError as error:
            raise ProgramError(f"stack {self.stack}: {error}") from error

    async def start(self) -> Change:
        """Run the program and start its mesh.

        Raises:
            ProgramError: the config or the program is refused.
            RefusedError: the rehearsal doesn't know a declared field, value or kind.
            PortInUseError: the ingress's port is taken.
            ProcessError: a process failed.
        """
        declaration = await self.declare({})
        change = await self.runtime.start(self.mesh_of(declaration))
        self._declaration = declaration
        return change

    def lay_beneath(self, usual: Mapping[str, str]) -> None:
        """Have configuration beneath the overrides, before the session starts.

        Args:
            usual: that of the stack that declares the mesh: this one, or those that it refers to.
        """
        self._usual = usual

    def take_up(self, declaration: Declaration) -> None:
        """Go on from a mesh that was started already, as the program declared it."""
        self._declaration = declaration

    async def change(
        self, overrides: Mapping[str, str], *, stack: str | None = None, lasting: bool = False
    ) -> tuple[tuple[Difference, ...], Change]:
        """Run the program with further overrides, and apply its mesh; one change after the other.

        Args:
            overrides: configuration that overrides the session's own, by a key or a path.
            stack: another stack's name, whose mesh replaces this one's.
            lasting: whether later changes build on this one, instead of on the session's own.

        Returns:
            The differences of the declarations, and the effect of applying them.

        Raises:
            ProgramError, RefusedError: nothing was changed.
            ProcessError: a process failed or an Envoy rejected a file.
        """
        async with self._changing:
            before = self.declaration
            declaration = await self.declare(overrides, stack)
            change = await self.apply(declaration, self.mesh_of(declaration))
            if lasting:
                self.stack = declaration.stack
                self.overrides = self._resolved(self.stack, overrides)
            return compare(before, declaration), change

    async def apply(self, declaration: Declaration, mesh: Mesh) -> Change:
        """Apply what the program declared, and its mesh.

        Raises:
            ProcessError: a process failed or an Envoy rejected a file.
        """
        change = await self.runtime.apply(mesh)
        self._declaration = declaration
        return change

    async def declare(self, overrides: Mapping[str, str], stack: str | None = None) -> Declaration:
        """Run the program with further overrides, and apply nothing."""
        if self._usual:
            await self._place_usual()
        return await asyncio.to_thread(self._run, stack or self.stack, overrides)

    def _run(self, stack: str, overrides: Mapping[str, str]) -> Declaration:
        merged = self._resolved(stack, overrides)
        return declare(stack, merged, root=self._root, beneath=self.beneath)

    async def _place_usual(self) -> None:
        """Give the usual configuration to the stack that declares the mesh."""
        usual, self._usual = self._usual, dict[str, str]()
        if (await self.declare({})).referenced:
            self.beneath = usual
        else:
            self.overrides = {**usual, **self.overrides}

    def mesh_of(self, declaration: Declaration) -> Mesh:
        """Return the objects of a declaration that the rehearsal translates.

        Raises:
            RefusedError: it doesn't know a declared field, value or kind.
        """
        return gather(declaration, assume=self._root != ROOT, lenient=self._lenient)

    def _resolved(self, stack: str, overrides: Mapping[str, str]) -> dict[str, str]:
        """Return the values that override a stack's configuration, none of them by its path."""
        given = {**self.overrides, **overrides}
        whole = {key: value for key, value in given.items() if not is_path(key)}
        merged = with_placeholders(stack, whole, self._root)
        paths = {key: value for key, value in given.items() if is_path(key)}
        try:
            config, _ = stack_config(stack, merged, self._root)
            return merged | set_paths(config, paths, project_name(self._root))
        except StackConfigError as error:
            raise ProgramError(str(error)) from error
