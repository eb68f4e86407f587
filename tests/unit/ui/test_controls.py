"""The sliders and switches of a stack's config."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from petmesh.program.declaration import Declaration, ProgramError, Resource
from petmesh.program.difference import Difference
from petmesh.program.exported import ExportedRelease, read_releases
from petmesh.rehearsal.runtime import Change
from petmesh.rehearsal.session import Session
from petmesh.ui.controls import Controls
from petmesh.ui.server import RefusalError

ROUTE = {"urn": "cart", "kind": "VirtualService", "http": "weighted"}
RELEASE = {
    "service": "cart",
    "namespace": "shop",
    "route": ROUTE,
    "workloads": {"v1": "cart-v1", "v2": "cart-v2"},
    "config": {
        "stable": "releases.cart.stable",
        "canary": "releases.cart.canary",
        "weight": "releases.cart.weight",
        "mirror": "releases.cart.mirror",
    },
}
KEY = "releases.cart.weight"


WEB = {**RELEASE, "service": "web", "route": {**ROUTE, "urn": "web"}}


def _route(urn: str, **weights: int) -> Resource:
    route = [
        {"destination": {"host": urn, "subset": version}, "weight": weight}
        for version, weight in weights.items()
    ]
    held = {
        "metadata": {"namespace": "shop"},
        "spec": {"http": [{"name": "weighted", "route": route}]},
    }
    return Resource(
        type="kubernetes:networking.istio.io/v1:VirtualService",
        name=urn,
        urn=urn,
        parent="",
        custom=True,
        inputs=held,
        outputs=held,
    )


class _Session:
    """A session that applies nothing, and tells what it was asked."""

    def __init__(self, **config: str) -> None:
        self.asked: list[tuple[Mapping[str, str], bool]] = []
        self.refusal = ""
        self.declaration = Declaration(
            project="shop",
            stack="dev",
            preview=False,
            config={f"shop:{key}": value for key, value in config.items()},
            resources=(_route("cart", v1=90, v2=10), _route("web", v1=100)),
            outputs={"releases": {"cart": RELEASE, "web": WEB}},
            secret_outputs=frozenset(),
            warnings=(),
        )

    @property
    def releases(self) -> Mapping[str, ExportedRelease]:
        return read_releases(self.declaration.outputs)

    async def change(
        self, overrides: Mapping[str, str], *, lasting: bool
    ) -> tuple[tuple[Difference, ...], Change]:
        if self.refusal:
            raise ProgramError(self.refusal)
        self.asked.append((overrides, lasting))
        return (Difference("~", "kubernetes:x:VirtualService", "cart"),), Change({}, (), (), 0.012)


def _controls(session: _Session, **switches: str) -> Controls:
    return Controls(cast("Session", session), switches)


def test_each_release_with_a_canary_has_a_slider() -> None:
    data: Any = _controls(_Session()).data()
    assert data["sliders"] == [
        {"key": KEY, "service": "cart", "stable": "v1", "canary": "v2", "weight": 10}
    ]


def test_each_switch_that_the_stack_knows_is_shown() -> None:
    session = _Session(egress="true", other="3")
    data: Any = _controls(session, egress="egress", other="no boolean", missing="no key").data()
    assert data["switches"] == [{"key": "egress", "label": "egress", "on": True}]


async def test_a_weight_is_set_in_the_sessions_config() -> None:
    session = _Session()
    done = await _controls(session).change({"key": KEY, "value": 25})
    assert session.asked == [({KEY: "25"}, True)]
    assert done == {"changed": "~ VirtualService cart", "milliseconds": 12}


async def test_a_switch_is_set_as_config_has_it() -> None:
    session = _Session(egress="true")
    await _controls(session, egress="egress").change({"key": "egress", "value": False})
    assert session.asked == [({"egress": "false"}, True)]


@pytest.mark.parametrize("value", [-1, 101, "25", True, None, 2.5, [], {}])
async def test_a_weight_that_is_none_is_refused(value: object) -> None:
    session = _Session()
    with pytest.raises(RefusalError, match=f"^{KEY} = .*: must be a whole number from 0 to 100$"):
        await _controls(session).change({"key": KEY, "value": value})
    assert not session.asked


@pytest.mark.parametrize("value", ["true", 1, None])
async def test_a_switch_is_true_or_false(value: object) -> None:
    session = _Session(egress="true")
    with pytest.raises(RefusalError, match="must be true or false"):
        await _controls(session, egress="egress").change({"key": "egress", "value": value})
    assert not session.asked


async def test_no_other_key_can_be_set() -> None:
    session = _Session(namespace="shop")
    with pytest.raises(RefusalError, match=f"^namespace: must be one of {KEY}$"):
        await _controls(session).change({"key": "namespace", "value": "x"})
    assert not session.asked


async def test_what_the_stack_refuses_is_one_line() -> None:
    session = _Session()
    session.refusal = "canaryWeight = 25: needs a canary\nand more"
    with pytest.raises(RefusalError, match=r"^canaryWeight = 25: needs a canary$"):
        await _controls(session).change({"key": KEY, "value": 25})
