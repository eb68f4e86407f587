"""Kubernetes YAML rehearsed with real Envoys: what is reachable, and who decided."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from petmesh.project import ROOT
from petmesh.rehearsal.ask import Answer, Asker, Request
from petmesh.rehearsal.hops import Hop, Hops
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.reach import Reached, between, outside
from petmesh.rehearsal.rehearse import running
from tests.unit.manifests.inputs import GATEWAY, SHOP

pytestmark = pytest.mark.envoy

CALLER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, sidecar.istio.io/inject: "INJECTED"}}
    spec: {serviceAccountName: NAME, containers: [{name: a, image: a}]}
"""
POLICIES = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from: [{source: {principals: ["cluster.local/ns/default/sa/friend"]}}]
    to: [{operation: {ports: ["8080"]}}]
  - from: [{source: {namespaces: [istio-system]}}]
"""


def caller(name: str, *, injected: bool = True) -> str:
    return CALLER.replace("NAME", name).replace("INJECTED", str(injected).lower())


LONG = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: long}
spec:
  hosts: [long.example.com]
  gateways: [public]
  http:
  - match: [{uri: {regex: "/(REGEX)/.*"}}]
    route: [{destination: {host: web, port: {number: 80}}}]
""".replace("REGEX", "|".join(f"word{number}" for number in range(100)))


async def raw(port: int, head: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n".encode())
    answered = await reader.read(-1)
    writer.close()
    return answered


async def answered(folder: Path, *heads: str) -> list[bytes]:
    async with running(read_input((str(folder),), "")) as runtime:
        [entrance] = runtime.entrances
        return [await raw(entrance.port, head) for head in heads]


def test_envoy_is_as_lenient_as_istios(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(f"{SHOP}\n---\n{GATEWAY}\n---\n{LONG}")
    fragment, waiting = asyncio.run(
        answered(
            tmp_path,
            "GET /a#b HTTP/1.1",
            "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0",
        )
    )
    assert fragment.startswith(b"HTTP/1.1 200 OK")
    assert b'"path": "/a"' in fragment
    assert b"HTTP/1.1 200 OK" in waiting


async def rehearsed(
    folder: Path,
) -> tuple[list[Reached], list[Reached], Answer, dict[str, list[Hop]]]:
    read = read_input((str(folder),), "")
    async with running(read) as runtime, Asker() as asker:
        hops = Hops(runtime.folder)
        public = await outside(runtime, asker, hops)
        inside = await between(runtime, asker, hops)
        web = next(pod for pod in runtime.pods if pod.workload == "web-v1")
        past = await asker.past_the_mesh(web, 8080, Request("web"))
        denied = next(pod for pod in runtime.pods if pod.workload == "stranger")
        answer = await asker.from_pod(denied, Request("web"))
        return public, inside, past, await hops.of([answer.id], runtime.pods)


def test_a_mesh_of_images_alone_answers_by_route_identity_and_port(tmp_path: Path) -> None:
    callers = [caller("friend"), caller("stranger"), caller("naked", injected=False)]
    (tmp_path / "mesh.yaml").write_text("\n---\n".join([SHOP, GATEWAY, POLICIES, *callers]))
    public, inside, past, hops = asyncio.run(rehearsed(tmp_path))
    [route] = public
    assert route.answered == {"200": {"web-v1"}}
    assert route.decided == "VirtualService default/web http[0]"
    statuses = {(each.source, each.request.host): set(each.answered) for each in inside}
    assert statuses["friend", "web.default:80"] == {"200"}
    # The rule names the container's port 8080 alone.
    assert statuses["friend", "web.default:9000"] == {"403"}
    assert statuses["stranger", "web.default:80"] == {"403"}
    # Without a sidecar there is no mutual TLS, and the called pod accepts nothing else.
    assert statuses["naked", "web.default:80"] == {"503"}
    assert past.status == 0
    [called] = [
        hop for found in hops.values() for hop in found if hop.listener.startswith("inbound")
    ]
    assert called.details == "rbac_access_denied_matched_policy[none]"


def test_expectations_beside_the_input_are_tested_before_its_page_is_served() -> None:
    command = [sys.executable, "-m", "petmesh", "rehearse", "examples/faults", "--ui"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running_page:
        assert running_page.stdout is not None
        seen: list[str] = []
        for line in running_page.stdout:
            seen.append(line)
            if "To look at" in line:
                break
        running_page.send_signal(signal.SIGINT)
    told = "".join(seen)
    assert "To look at" in told
    assert re.search(r"(\d+) of \1 expectations met", told)
