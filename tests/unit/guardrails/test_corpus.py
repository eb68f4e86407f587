"""What no team may ship is refused, and what a careful one ships every day isn't."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from petmesh.guardrails import rules
from petmesh.guardrails.allowed import Allowed
from petmesh.program.declaration import UNKNOWN
from tests.unit.guardrails.insecure import all_variants
from tests.unit.guardrails.judged import alone, said, workload
from tests.unit.guardrails.legitimate import LEGITIMATE
from tests.unit.guardrails.overlooked import OVERLOOKED


def test_every_insecure_variant_is_refused() -> None:
    variants = list(all_variants())
    passed = [name for name, resources in variants if not said(alone(*resources))]
    assert len(variants) > 400
    assert passed == []


@pytest.mark.parametrize("name", OVERLOOKED)
def test_what_was_overlooked_is_refused(name: str) -> None:
    assert said(alone(OVERLOOKED[name]))


@pytest.mark.parametrize("name", LEGITIMATE)
def test_no_rule_has_anything_to_say_of(name: str) -> None:
    assert said(alone(*LEGITIMATE[name])) == {}


def _with_one_unknown(data: Any) -> Iterator[Any]:  # noqa: ANN401 (data)
    """Copies in each of which one field, at whatever depth, isn't known yet."""
    if isinstance(data, Mapping):
        fields = cast("Mapping[str, Any]", data)
        for key, value in fields.items():
            yield from ({**fields, key: each} for each in (UNKNOWN, *_with_one_unknown(value)))
    elif isinstance(data, list):
        members = cast("list[Any]", data)
        for place, value in enumerate(members):
            for each in (UNKNOWN, *_with_one_unknown(value)):
                yield [*members[:place], each, *members[place + 1 :]]


# What is listed is so by its name.
@pytest.mark.parametrize("name", sorted(LEGITIMATE.keys() - {"cert-manager's namespace"}))
def test_no_rule_fires_for_want_of_a_value(name: str) -> None:
    good = LEGITIMATE[name]
    for place, each in enumerate(good):
        for inputs in _with_one_unknown(each.inputs):
            unknown = replace(each, inputs=inputs, outputs=inputs)
            assert said(alone(*good[:place], unknown, *good[place + 1 :])) == {}, inputs


NODE_EXPORTER = workload("DaemonSet", hostNetwork=True, hostPID=True)


def test_what_is_listed_with_its_reason_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(said(alone(NODE_EXPORTER))) == ["pods-restricted"]
    entry = Allowed("DaemonSet pets/tried", "spec.template.spec.host*", "it reads the node's own")
    monkeypatch.setattr(rules, "ALLOWED", (entry,))
    assert said(alone(NODE_EXPORTER)) == {}


def test_what_is_listed_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="state the reason"):
        Allowed("DaemonSet pets/tried", "spec.*", " ")
