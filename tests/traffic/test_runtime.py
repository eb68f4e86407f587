"""Unknown names are refused: a fault that hits nothing would measure nothing."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from petmesh.host.processes import ProcessError
from petmesh.rehearsal.faulty import silent
from petmesh.rehearsal.runtime import Runtime
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

GONE = "petdetailsservice-v9"
CALLS: dict[str, tuple[str, Callable[[Runtime], Coroutine[Any, Any, object]]]] = {
    "adjust": ("workload", lambda runtime: runtime.adjust(GONE, replicas=2)),
    "impair": ("pod", lambda runtime: runtime.faults.impair(GONE, silent, b"")),
    "restart": ("pod", lambda runtime: runtime.faults.restart(GONE)),
    "replace": ("pod", lambda runtime: runtime.replace(GONE)),
    "delete": ("pod", lambda runtime: runtime.delete(GONE)),
    "sidecar_stats": ("pod", lambda runtime: runtime.sidecar_stats(GONE, "cluster")),
    "gateway_stats": ("gateway", lambda runtime: runtime.gateway_stats(GONE, "cluster")),
    "version_metrics": ("host", lambda runtime: runtime.version_metrics(GONE)),
    "impair a stand-in": ("host", lambda runtime: runtime.stub_hosts.impair(GONE, silent)),
    "silence a stand-in": ("host", lambda runtime: runtime.stub_hosts.silence(GONE)),
    "mend a stand-in": ("host", lambda runtime: runtime.stub_hosts.restore(GONE)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_name_that_is_not_in_the_mesh_is_refused(live: Live, name: str) -> None:
    what, call = CALLS[name]
    before = live.session.runtime.process_ids()
    with pytest.raises(ProcessError, match=rf"^{what} {GONE}: "):
        live.run(call(live.session.runtime))
    assert live.session.runtime.process_ids() == before


def test_neither_are_its_pods_told_nor_crashed(live: Live) -> None:
    with pytest.raises(ProcessError, match=rf"^workload {GONE}: not in the mesh, which has pet"):
        live.session.runtime.pods_of(GONE)
    with pytest.raises(ProcessError, match=rf"^pod {GONE}: not in the mesh, which has pet"):
        live.session.runtime.faults.crash(GONE)
