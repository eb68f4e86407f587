"""Errors that end a command: one line each on stderr, and the exit status."""

from collections.abc import Generator
from contextlib import contextmanager

FAILED, MISTAKEN, INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """Ends a command; the text is for people, one line per problem.

    Attributes:
        status: the exit status, 1 for a failure, 2 for a user's mistake, 130 after Ctrl-C.
    """

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


@contextmanager
def program_errors() -> Generator[None]:
    """Turn errors of the program, a rehearsal or the Pulumi CLI into a CommandError."""
    from petmesh.host.processes import ProcessError
    from petmesh.manifests.documents import ManifestError
    from petmesh.mesh.fields import RefusedError
    from petmesh.program.config_keys import StackConfigError
    from petmesh.program.declaration import ProgramError
    from petmesh.program.pulumi_cli import CliError
    from petmesh.rehearsal.runtime import PortInUseError
    from petmesh.rehearsal.settings import SettingsError
    from petmesh.ui.server import UiPortError

    try:
        yield
    except (
        *(ProgramError, ManifestError, RefusedError, StackConfigError),
        *(PortInUseError, UiPortError, SettingsError),
    ) as error:
        raise CommandError(str(error), MISTAKEN) from error
    except (ProcessError, CliError) as error:
        raise CommandError(str(error)) from error
