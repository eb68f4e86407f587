"""Stacks of the last released version, brought up by the present program."""

from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand

from tests.engine.released import PROJECTS, announced, bring_back, lost, newest, states, up_to_now


@pytest.mark.parametrize("stacks", PROJECTS, ids=" and ".join)
def test_a_released_stack_loses_nothing_that_is_not_announced(
    stacks: tuple[str, ...], tmp_path: Path, command: PulumiCommand
) -> None:
    recorded, known = states(newest()), announced(newest())
    with up_to_now(tmp_path, command, stacks) as (there, checkouts):
        for each in checkouts:
            bring_back(recorded[each.name], each, there)
        for each in checkouts:
            assert not lost(each.preview(), known), each.name
            assert not lost(each.up(), known), each.name
            assert each.preview() == []


def test_what_a_stack_would_lose_is_found(tmp_path: Path, command: PulumiCommand) -> None:
    with up_to_now(tmp_path, command, ["dev"]) as (there, [dev]):
        bring_back(states(newest())["dev"], dev, there)
        _change(dev.folder / "apps/workload.py", '-autoscaler"', '-scaler"')
        nat = '-nat",\n            name='
        _change(dev.folder / "infra/network.py", f"{nat}network_name", f'{nat}"another"')
        steps = dev.preview()
    replaced, *renamed = sorted(lost(steps))
    assert replaced == "gcp:compute/routerNat:RouterNat::network-nat"
    pattern = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler::*-autoscaler"
    assert renamed
    assert lost(steps, [pattern]) == [replaced]
    assert not lost(steps, [pattern, replaced])


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
