"""Which scenes are played on a stack of which owner."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from demo import playlists
from demo.scenes import dog_api, egress, egress_gateway, rate_limit

SCENES = {name: each for name, each in vars(playlists).items() if hasattr(each, "play")}
OF_THE_PLATFORM = {id(each) for each in (dog_api, egress, egress_gateway, rate_limit)}


@pytest.fixture(autouse=True)
def scenes_that_are_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scene is its module's name, and changes nothing."""
    for name, module in SCENES.items():

        async def play(*_: object, name: str = name) -> str:
            return name

        monkeypatch.setattr(module, "play", play)

    async def versions(_: object) -> Any:  # noqa: ANN401 (a stand-in)
        return None

    monkeypatch.setattr(playlists, "learn_versions", versions)


def played(playlist: Any, *referenced: str) -> list[str]:  # noqa: ANN401 (either playlist)
    """The scenes of a session whose stack refers to others."""

    async def change(overrides: object, *, lasting: bool = False) -> None:
        del overrides, lasting

    session = SimpleNamespace(
        declaration=SimpleNamespace(referenced=referenced),
        runtime=SimpleNamespace(inner_gateways=["egress"]),
        releases={"petdetailsservice": SimpleNamespace(canary="v2")},
        overrides={},
        change=change,
    )
    given = ([0], 100, print) if playlist is playlists.demo else (100, print)

    async def names() -> list[str]:
        return [str(each) async for each in playlist(session, *given)]

    return asyncio.run(names())


@pytest.mark.parametrize("playlist", [playlists.demo, playlists.faults])
def test_an_applications_stack_has_those_that_need_no_key_of_its_platform(playlist: Any) -> None:  # noqa: ANN401 (either playlist)
    everything, own = played(playlist), played(playlist, "platform")
    assert [each for each in everything if id(SCENES[each]) not in OF_THE_PLATFORM] == own
    assert own != everything
