"""A destroy of the `dev` stack: refused whole while it is protected, whole when it isn't."""

from tests.engine.checkout import Checkout, Clouds


def test_a_protected_stack_keeps_everything(dev: Checkout, standins: Clouds) -> None:
    before = standins.snapshot()
    destroyed = dev.make("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode
    assert standins.snapshot() == before


def test_an_unprotected_stack_leaves_nothing(dev: Checkout, standins: Clouds) -> None:
    dev.configure(deletionProtection="false")
    dev.up()
    destroyed = dev.make("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert [standins.google.made, standins.docker.made, standins.kubernetes.made] == [{}, {}, {}]
