"""The `dev` stack through the real engine, with stand-in clouds: installed, changed, deleted."""

from tests.engine.checkout import Checkout, Clouds
from tests.engine.conftest import Installed


def test_a_preview_of_an_empty_stack_passes_the_guard_rails(
    empty: Checkout, standins: Clouds
) -> None:
    steps = empty.preview()
    assert {step.op for step in steps} == {"create"}
    assert not standins.google.made


def test_the_first_up_creates_all_of_it_in_one_go(installed: Installed) -> None:
    assert {step.op for step in installed.steps} == {"create"}


def test_a_second_up_and_a_refresh_find_nothing_to_do(dev: Checkout) -> None:
    assert dev.up() == []
    assert dev.refresh() == []


def test_a_weight_is_one_resource_updated(dev: Checkout) -> None:
    dev.configure(canaryWeight="25")
    [step] = dev.up()
    assert (step.op, step.name) == ("update", "petdetailsservice-route")
