"""Envoy itself accepts what is translated."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.names import HCM
from petmesh.envoy.process import bootstrap_command
from petmesh.envoy.proxy import ProxyFiles, gateway_files, sidecar_files
from petmesh.envoy.topology import Identity
from petmesh.host.pki import Authority
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.resilience import without_resilience
from tests.unit.mesh.meshes import EGRESS, INGRESS, PODS, TOPOLOGY, mesh

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Real files in the place of each of the topology's."""
    authority = Authority("test", tmp_path_factory.mktemp("pki"))
    files = {
        str(TOPOLOGY.trust): str(authority.certificate),
        str(TOPOLOGY.outside_trust): str(authority.certificate),
    }
    identities: list[Identity] = [
        *(pod.identity for pod in PODS),
        INGRESS.identity,
        EGRESS.identity,
    ]
    for identity in identities:
        leaf = authority.issue_identity(identity.uri)
        files[str(identity.certificate)] = str(leaf.certificate)
        files[str(identity.key)] = str(leaf.key)
    leaf = authority.issue_host("pets.localhost", "pets.example.com")
    for declared in TOPOLOGY.certificates.values():
        files[str(declared.certificate)] = str(leaf.certificate)
        files[str(declared.key)] = str(leaf.key)
    return files


def static(files: ProxyFiles) -> Any:  # noqa: ANN401 (data)
    """Everything in one bootstrap, as Envoy's validation wants it: routes inline."""
    listeners = json.loads(json.dumps(files.listeners))
    for listener in listeners:
        for chain in listener["filter_chains"]:
            manager = chain["filters"][-1]["typed_config"]
            if "rds" in manager:
                assert manager["@type"].endswith(HCM)
                manager["route_config"] = files.routes[manager.pop("rds")["route_config_name"]]
    return {
        "node": files.bootstrap["node"],
        "static_resources": {"clusters": list(files.clusters), "listeners": listeners},
    }


@pytest.mark.parametrize(
    "proxy", ["petservice-v1-0", "petdetailsservice-v2-0", INGRESS.name, EGRESS.name]
)
@pytest.mark.parametrize("bare", [False, True])
def test_envoy_accepts_every_kind_of_proxy(
    tmp_path: Path, certificates: dict[str, str], proxy: str, *, bare: bool
) -> None:
    of: Mesh = mesh(
        accessLogs="errors",
        canaryWeight="25",
        dogApiEnabled="true",
        egressGateway="true",
        ingressTls="secret",
        ingressRequestsPerSecond="5",
        tracing="jaeger",
        userCookie="place",
    )
    of = without_resilience(of) if bare else of
    place = (tmp_path, tmp_path / "admin.sock")
    gateways = {each.name: each for each in (INGRESS, EGRESS)}
    if proxy in gateways:
        files = gateway_files(of, TOPOLOGY, gateways[proxy], *place)
    else:
        pod = next(pod for pod in PODS if pod.name == proxy)
        files = sidecar_files(of, TOPOLOGY, pod, *place)
    text = json.dumps(static(files))
    for name, file in certificates.items():
        text = text.replace(json.dumps(name), json.dumps(file))
    bootstrap = tmp_path / "bootstrap.json"
    bootstrap.write_text(text)
    command = bootstrap_command(bootstrap, "--mode", "validate")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
