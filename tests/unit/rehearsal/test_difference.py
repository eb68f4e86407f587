"""What differs between two declarations."""

from rehearsal.difference import compare
from tests.unit.declared import local


def test_a_weight_is_one_changed_resource_and_reads_as_such() -> None:
    (change,) = compare(local(canaryWeight="10"), local(canaryWeight="25"))
    assert str(change) == (
        "~ VirtualService petdetailsservice: "
        "spec.http[1].route[0].weight 90 -> 75, spec.http[1].route[1].weight 10 -> 25"
    )


def test_what_comes_and_goes() -> None:
    opened = compare(local(), local(dogApiEnabled="true"))
    assert sorted(f"{each.change} {each.kind}" for each in opened) == [
        "+ DestinationRule",
        "+ ServiceEntry",
    ]
    closed = compare(local(dogApiEnabled="true"), local())
    assert {each.change for each in closed} == {"-"}


def test_nothing_differs_from_itself() -> None:
    assert compare(local(), local()) == ()
