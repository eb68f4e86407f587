"""A Pulumi CLI, stand-in clouds, and the `dev` stack on them, installed once for all tests."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand

from petmesh.program.pulumi_cli import CliError, find
from tests.engine.checkout import Checkout, Clouds, Step, clouds, copy_checkout
from tests.engine.standins.protocol import Snapshot


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder before tests are chosen by their marks."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def command() -> PulumiCommand:
    """The CLI, or a skip that says what is missing."""
    try:
        found = find()
    except CliError as error:
        pytest.skip(str(error))
    return found or pytest.skip("no Pulumi CLI: run make install-cli")


@pytest.fixture(scope="session")
def standins(command: PulumiCommand) -> Iterator[Clouds]:
    """Google Cloud, Docker and Kubernetes; each test begins by what it restores of them."""
    del command
    with clouds() as serving:
        yield serving


@dataclass(frozen=True)
class Installed:
    """The stack after its first up.

    Attributes:
        folder: The checkout and its state.
        there: What the clouds hold.
        steps: What the up did.
    """

    folder: Path
    there: Sequence[Snapshot]
    steps: list[Step]


@pytest.fixture
def empty(tmp_path: Path, standins: Clouds, command: PulumiCommand) -> Checkout:
    """A checkout with no state yet, and clouds with nothing in them."""
    standins.restore()
    return _fresh(tmp_path, standins, command)


@pytest.fixture(scope="session")
def installed(
    tmp_path_factory: pytest.TempPathFactory, standins: Clouds, command: PulumiCommand
) -> Installed:
    """The stack after its first up."""
    standins.restore()
    folder = tmp_path_factory.mktemp("installed")
    steps = _fresh(folder, standins, command).up()
    return Installed(folder, standins.snapshot(), steps)


@pytest.fixture
def dev(tmp_path: Path, installed: Installed, standins: Clouds, command: PulumiCommand) -> Checkout:
    """A copy of the stack after its first up, to change."""
    standins.restore(installed.there)
    shutil.copytree(installed.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Checkout(tmp_path, standins, command)


def _fresh(folder: Path, standins: Clouds, command: PulumiCommand) -> Checkout:
    copy_checkout(folder, standins)
    return Checkout(folder, standins, command)
