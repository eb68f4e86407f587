"""A stack with everything on, and what its charts bring."""

import pytest

from tests.charts.rendered import Installed, UnavailableError, install
from tests.unit.declared import local


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Every chart rendered; the tests are skipped where one can't be had."""
    stack = local(
        metrics="prometheus",
        grafana="true",
        kiali="true",
        tracing="jaeger",
        egressGateway="true",
        dogApiEnabled="true",
        minReplicas="2",
    )
    try:
        return install(stack, tmp_path_factory.mktemp("charts"))
    except UnavailableError as error:
        pytest.skip(str(error))
