"""How tests are shared among processes."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_WITH_ENVOY = ("tests/traffic/", "tests/browser/")


class _ByFile(LoadScopeScheduling):
    """A file's tests stay in one process, and all that send traffic are in one of their own.

    Two meshes at a time starve each other on a small machine until connections time out.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "traffic" if file.startswith(_WITH_ENVOY) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share the tests by what they need."""
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(_WITH_ENVOY))
