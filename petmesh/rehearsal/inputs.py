"""What is rehearsed: a Pulumi program, or Kubernetes YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from petmesh.manifests.declaration import declare_manifests
from petmesh.manifests.documents import EXPECTATIONS, SETTINGS, STDIN, ManifestError
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.rehearsal.settings import RehearsalSettings, SettingsError, read_settings

# Each is a process and an Envoy, of some 70 MB together.
_MOST_PODS: Final = 500
_PROGRAM: Final = ("Pulumi.yaml", "__main__.py")


@dataclass(frozen=True)
class Input:
    """A mesh, and how its workloads run here.

    Attributes:
        expectations: the expectations.yaml beside the input; None if there is none.
        declaration: the declared resources.
        mesh: the objects that the rehearsal translates.
        settings: the content of rehearsal.yaml.
    """

    expectations: Path | None
    declaration: Declaration
    mesh: Mesh
    settings: RehearsalSettings


def is_program(path: str) -> bool:
    """Return whether a path is the folder of a Pulumi program in Python."""
    return path != STDIN and all((Path(path) / name).is_file() for name in _PROGRAM)


def read_input(
    paths: Sequence[str],
    stack: str,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    settings: Path | None = None,
    lenient: bool = False,
) -> Input:
    """Read a mesh.

    Args:
        paths: the folder of a Pulumi program, or Kubernetes YAML as files, folders or `-`.
        stack: a program's stack.
        overrides: configuration that overrides the stack's.
        settings: the file in the place of the rehearsal.yaml beside the input, which standard
            input has none of.
        lenient: whether what the rehearsal doesn't know is left out and listed.

    Raises:
        ManifestError, ProgramError: the input is invalid.
        RefusedError: the rehearsal doesn't know a declared field, value or kind.
        SettingsError: rehearsal.yaml is invalid, or names a workload that isn't declared.
    """
    declaration = declared(paths, stack, overrides)
    return input_of(declaration, folder_of(paths[0]), settings=settings, lenient=lenient)


def declared(
    paths: Sequence[str], stack: str, overrides: Mapping[str, str] = MappingProxyType({})
) -> Declaration:
    """Return what a program or Kubernetes YAML declares; the arguments are `read_input`'s.

    Raises:
        ManifestError, ProgramError: the input is invalid.
    """
    programs = [path for path in paths if is_program(path)]
    if programs and len(paths) > 1:
        raise ManifestError(f"{programs[0]}: a Pulumi program is rehearsed by itself")
    if programs:
        root = Path(paths[0]).resolve()
        return declare(stack, with_placeholders(stack, overrides, root), root=root)
    return declare_manifests(*paths)


def input_of(
    declaration: Declaration,
    folder: Path | None,
    *,
    settings: Path | None = None,
    lenient: bool = False,
) -> Input:
    """Return a declaration's mesh with the files beside the input.

    Args:
        declaration: the declared objects.
        folder: the input's; None for standard input.
        settings: the file in the place of its rehearsal.yaml.
        lenient: whether what the rehearsal doesn't know is left out and listed.

    Raises:
        RefusedError: the rehearsal doesn't know a declared field, value or kind.
        SettingsError: rehearsal.yaml is invalid, or names what isn't declared.
    """
    mesh = gather(declaration, assume=True, lenient=lenient)
    if sum(each.replicas for each in mesh.workloads) > _MOST_PODS:
        most = max(mesh.workloads, key=lambda each: each.replicas)
        raise RefusedError(
            f"{most.namespace}/{most.name}: replicas = {most.replicas}: the rehearsal starts each "
            f"pod, and at most {_MOST_PODS} in all"
        )
    file = settings or (folder and folder / SETTINGS)
    read = read_settings(file) if file and (settings or file.is_file()) else RehearsalSettings()
    problems = list(read.problems(mesh))
    if problems:
        raise SettingsError("\n".join(problems))
    expectations = folder and folder / EXPECTATIONS
    has_any = expectations and expectations.is_file()
    return Input(expectations if has_any else None, declaration, mesh, read)


def folder_of(path: str) -> Path | None:
    """Return the folder of an input; standard input is in none."""
    if path == STDIN:
        return None
    place = Path(path)
    return place if place.is_dir() else place.parent
