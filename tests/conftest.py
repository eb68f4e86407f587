"""How tests are shared among processes."""

import pytest


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and all that need Envoy in one of their own, first.

    Two meshes at a time starve each other on a small machine: connections time out.
    """
    items.sort(key=lambda item: item.get_closest_marker("envoy") is None)
    for item in items:
        is_traffic = item.get_closest_marker("envoy") is not None
        item.add_marker(pytest.mark.xdist_group("envoy" if is_traffic else str(item.path)))
