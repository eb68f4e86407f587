"""The verdict on services that are ramped together."""

import pytest

from petmesh.ramp.conditions import Conditions, Outcome
from petmesh.ramp.group_judge import GroupJudge
from petmesh.ramp.judge import Judge
from petmesh.ramp.measurements import Figures, Observation
from tests.unit.ramp.fakes import BAD, GOOD, figures

CONDITIONS = Conditions(min_requests=100, warm_up=0)
SERVICES = ("cart", "payment")
NOTHING = Figures()


def seen(**canaries: Figures) -> dict[str, Observation]:
    return {
        service: Observation(seconds=10, stable=GOOD, canary=canary)
        for service, canary in canaries.items()
    }


@pytest.mark.parametrize(
    ("cart", "payment", "outcome"),
    [
        (GOOD, GOOD, Outcome.PASS),
        (GOOD, NOTHING, Outcome.NOT_ENOUGH_DATA),
        (BAD, GOOD, Outcome.FAIL),
        (NOTHING, BAD, Outcome.FAIL),
    ],
)
def test_it_fails_where_one_does_and_passes_where_all_do(
    cart: Figures, payment: Figures, outcome: Outcome
) -> None:
    judge = GroupJudge(CONDITIONS, SERVICES)
    verdict = judge.take(seen(cart=cart, payment=payment), dict.fromkeys(SERVICES, 0.0))
    assert verdict.outcome is outcome
    assert ("cart: " in verdict.reason) == (outcome is not Outcome.FAIL or cart is BAD)


def test_a_single_service_is_judged_as_ever() -> None:
    alone, judge = GroupJudge(CONDITIONS, ["cart"]), Judge(CONDITIONS)
    for canary in (GOOD, figures(errors=20), figures(errors=40), BAD):
        each = seen(cart=canary)
        assert alone.take(each, {"cart": 0.0}) == judge.take(each["cart"])


def intervals_until_failure(services: int) -> int:
    """How many intervals of a slightly worse version it takes."""
    names = [f"service{number}" for number in range(services)]
    judge = GroupJudge(CONDITIONS, names)
    stable, worse = figures(errors=10), figures(errors=25)
    for interval in range(1, 100):
        looks = {
            name: Observation(seconds=10, stable=stable, canary=worse if name == names[0] else GOOD)
            for name in names
        }
        if judge.take(looks, dict.fromkeys(names, 0.0)).outcome is Outcome.FAIL:
            return interval
    raise AssertionError("it was never found")


def test_the_more_services_share_the_risk_the_more_evidence_each_needs() -> None:
    found = [intervals_until_failure(services) for services in (1, 10, 1000)]
    assert found == sorted(found)
    assert found[0] < found[-1]
