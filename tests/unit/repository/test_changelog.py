"""The changelog names each version, and what a stack loses by the next one."""

from pathlib import Path

import pytest

from tests.engine import released
from tests.engine.checkout import Step
from tests.engine.released import announced, listed, lost, newest, present, states

URN = "urn:pulumi:dev::petmesh::petmesh:infra:Network${}::{}"
NAT, VPC = "gcp:compute/routerNat:RouterNat", "gcp:compute/network:Network"


def step(op: str, type_: str, name: str) -> Step:
    return Step(op, URN.format(type_, name), frozenset())


def test_the_newest_version_is_this_one_and_its_states_are_recorded() -> None:
    assert present() == listed()[0] == newest()


def test_what_is_recorded_tells_nothing_of_the_machine() -> None:
    recorded = states(newest())
    assert [*recorded] == ["dev", "platform", "prod", "shop"]
    for each in recorded.values():
        assert each.config
        assert each.deployment["resources"]
        assert not {"created", "sourcePosition"} & {*each.deployment["resources"][0]}
        assert "file://" not in str(each)


@pytest.mark.parametrize(
    ("since", "patterns"),
    [("0.3.0", []), ("0.2.0", [f"{NAT}::*"]), ("0.1.0", [f"{NAT}::*", f"{VPC}::network-vpc"])],
)
def test_what_is_announced_since_a_version_is_above_it(
    since: str, patterns: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text(
        "# Changes\n\nSuch as `TYPE::NAME`: why.\n\n## Unreleased\n\n## 0.3.0\n\n- Other.\n"
        f"- `{NAT}::*`: no address is kept\n\n## 0.2.0\n\n- `{VPC}::network-vpc`: why\n\n"
        "## 0.1.0\n\n- `a::b`: never\n"
    )
    monkeypatch.setattr(released, "CHANGELOG", changes)
    assert announced(since) == patterns


def test_what_is_replaced_or_deleted_is_lost_unless_it_is_announced() -> None:
    steps = [
        step("delete", NAT, "network-nat"),
        step("replace", VPC, "network-vpc"),
        step("update", VPC, "other-vpc"),
        step("create", VPC, "new-vpc"),
        step("delete", "petmesh:infra:Part", "part"),
        step("delete", "pulumi:providers:gcp", "default_1"),
    ]
    assert lost(steps) == [f"{NAT}::network-nat", f"{VPC}::network-vpc"]
    assert lost(steps, [f"{NAT}::*"]) == [f"{VPC}::network-vpc"]
    assert not lost(steps, [f"{NAT}::*", f"{VPC}::network-vpc"])
