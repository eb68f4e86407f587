"""The canaries' sliders and the switches: config of a rehearsed stack, in memory alone."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.program.declaration import ProgramError
from petmesh.program.difference import Difference
from petmesh.ramp.stack_state import StackState
from petmesh.ramp.target import TargetError
from petmesh.rehearsal.session import Session
from petmesh.ui.feed import Json
from petmesh.ui.server import RefusalError

_TRUE, _FALSE = "true", "false"
_WEIGHTS: Final = range(101)


@dataclass(frozen=True)
class Slider:
    """A canary's weight.

    Attributes:
        key: the config key that sets it.
    """

    key: str
    service: str
    stable: str
    canary: str
    weight: int


@dataclass(frozen=True)
class Switch:
    """A config key that is true or false.

    Attributes:
        label: what it switches, for people.
    """

    key: str
    label: str
    on: bool


class Controls:
    """Reads and changes the config of a session.

    Args:
        session: started.
        switches: what each key switches, for people; one that the stack hasn't is left out.
    """

    def __init__(self, session: Session, switches: Mapping[str, str]) -> None:
        self._session = session
        self._switches = switches

    def data(self) -> Json:
        """Return the sliders and switches, as they are now."""
        return {
            "sliders": [asdict(each) for each in self._sliders()],
            "switches": [asdict(each) for each in self._shown_switches()],
        }

    async def change(self, asked: Mapping[str, Any]) -> Json:
        """Set the config `key` to `value`: a weight from 0 to 100, or true or false.

        Raises:
            RefusalError: there is no such control, or the stack refuses the value.
        """
        key, value = str(asked.get("key")), asked.get("value")
        weights = {each.key for each in self._sliders()}
        switches = {each.key for each in self._shown_switches()}
        if key in weights and (isinstance(value, bool) or value not in _WEIGHTS):
            raise RefusalError(f"{key} = {value}: must be a whole number from 0 to 100")
        if key in switches and not isinstance(value, bool):
            raise RefusalError(f"{key} = {value}: must be true or false")
        if key not in weights | switches:
            known = ", ".join(sorted(weights | switches)) or "none"
            raise RefusalError(f"{key}: must be one of {known}")
        return await self._set(key, str(value).lower())

    async def _set(self, key: str, value: str) -> Json:
        try:
            differences, change = await self._session.change({key: value}, lasting=True)
        except (ProgramError, RefusedError, ProcessError) as error:
            raise RefusalError(str(error).splitlines()[0]) from error
        return {
            "changed": _told(differences),
            "milliseconds": round(change.seconds * 1000),
        }

    def _sliders(self) -> list[Slider]:
        state = StackState.of_declaration(self._session.declaration)
        found: list[Slider] = []
        for exported in self._session.releases.values():
            # A release that the ramp couldn't read has no slider either.
            with suppress(TargetError):
                live = state.release(exported)
                if live.canary:
                    found.append(
                        Slider(
                            exported.config.weight,
                            exported.service,
                            live.stable,
                            live.canary,
                            live.weight,
                        )
                    )
        return found

    def _shown_switches(self) -> list[Switch]:
        declaration = self._session.declaration
        found: list[Switch] = []
        for key, label in self._switches.items():
            value = declaration.config.get(f"{declaration.project}:{key}")
            if value in (_TRUE, _FALSE):
                found.append(Switch(key, label, value == _TRUE))
        return found


def _told(differences: Sequence[Difference]) -> str:
    """Return what changed in one line: a single object with its fields, of several the names."""
    if len(differences) == 1:
        return str(differences[0])
    names = ", ".join(f"{each.kind} {each.name}" for each in differences)
    return f"{len(differences)} objects changed: {names}" if names else "nothing changed"
