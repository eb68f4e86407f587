"""What a stack of more services takes: `python -m bench.sizing`.

Each number of services is a copy of the checkout with as many folders in apps/, declared in process
by itself; each service calls the two before it. Of one service's sidecar it writes down what it is
configured with, as istiod would send it, with its Sidecar and without any.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from petmesh.envoy.proxy import ProxyFiles, sidecar_files
from petmesh.envoy.topology import Identity, Pod, Topology
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from petmesh.program.stack_config import stack_config
from petmesh.project import ROOT

_LIKE = "petmedicalhistoryservice"
_REPLICAS = 2
_NOT_COPIED = shutil.ignore_patterns(".*", "build", "__pycache__", "tests", "docs")
_PORT = 9100

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Size:
    """A stack of some services.

    Attributes:
        services: How many.
        resources: What the engine tracks, components included.
        objects: Of these, those in the cluster.
        inputs_bytes: All resources' inputs as JSON, which the state has twice.
        scoped_bytes: A sidecar's configuration.
        unscoped_bytes: The same without any Sidecar.
    """

    services: int
    resources: int
    objects: int
    inputs_bytes: int
    scoped_bytes: int
    unscoped_bytes: int


@app.command()
def table(
    services: Annotated[list[int], typer.Option(help="numbers of services")] = [3, 30, 300],  # noqa: B006
) -> None:
    """Measure each number of services, and print a row of Markdown for each as it is known."""
    print("| Services | Resources | Objects | Inputs | Sidecar | Without any |")
    print("|---|---|---|---|---|---|")
    for number in services:
        size = _of_copy(number)
        print(
            f"| {size.services:,} | {size.resources:,} | {size.objects:,} "
            f"| {size.inputs_bytes / 1e6:.2f} MB "
            f"| {size.scoped_bytes / 1e3:,.0f} kB | {size.unscoped_bytes / 1e3:,.0f} kB |",
            flush=True,
        )


@app.command(hidden=True)
def measure() -> None:
    """Measure the checkout in the working directory, and print it as JSON."""
    found = declare("dev", stack_config("dev", {"gcp:project": "petmesh-bench"})[0])
    scoped, unscoped = _sidecar(found)
    size = Size(
        services=len(list(Path("apps").glob("*/service.yaml"))),
        resources=len(found.resources),
        objects=sum(each.type.startswith("kubernetes:") for each in found.resources),
        inputs_bytes=len(json.dumps([each.inputs for each in found.resources], default=str)),
        scoped_bytes=scoped,
        unscoped_bytes=unscoped,
    )
    print(json.dumps(dataclasses.asdict(size)))


def _sidecar(found: Declaration) -> tuple[int, int]:
    """The bytes of the last service's sidecar's configuration, with its Sidecar and without any."""
    mesh = gather(found)
    pods = tuple(_pods(mesh))
    topology = Topology(pods=pods, trust=Path("/trust.pem"), outside_trust=Path("/outside.pem"))
    scoped, unscoped = (
        _bytes(sidecar_files(each, topology, pods[-1], Path("/proxy"), Path("/proxy.sock")))
        for each in (mesh, dataclasses.replace(mesh, sidecars=()))
    )
    return scoped, unscoped


def _pods(mesh: Mesh) -> Iterator[Pod]:
    for index, workload in enumerate(sorted(mesh.workloads, key=lambda each: each.name)):
        account = f"spiffe://cluster.local/ns/{workload.namespace}/sa/{workload.service_account}"
        for replica in range(_REPLICAS):
            yield Pod(
                name=f"{workload.name}-{replica}",
                workload=workload.name,
                namespace=workload.namespace,
                labels=workload.labels,
                service_account=workload.service_account,
                identity=Identity(account, Path("/certificate.pem"), Path("/key.pem")),
                app_port=_PORT + index,
                inbound_port=_PORT + index,
                outbound_port=_PORT + index,
            )


def _bytes(files: ProxyFiles) -> int:
    return len(json.dumps([files.clusters, files.listeners, dict(files.routes)]))


def _of_copy(services: int) -> Size:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
        for index in range(services - len(list((copy / "apps").glob("*/service.yaml")))):
            _add(copy / "apps", index)
        command = [sys.executable, "-m", "bench.sizing", "measure"]
        done = subprocess.run(command, cwd=copy, check=True, capture_output=True, text=True)
        return Size(**json.loads(done.stdout.splitlines()[-1]))


def _add(apps: Path, index: int) -> None:
    new = apps / f"service{index:04}"
    shutil.copytree(apps / _LIKE, new)
    for file in new.glob("Dockerfile*"):
        file.write_text(file.read_text().replace(_LIKE, new.name))
    calls = [f"  SERVICE{back}_URL: service{back:04}" for back in range(max(0, index - 2), index)]
    lines = [f"port: {_PORT}", f'paths: ["/{new.name}/{{*}}"]']
    entry = [*lines, *(["calls:", *calls] if calls else [])]
    (new / "service.yaml").write_text("\n".join(entry) + "\n")


if __name__ == "__main__":
    app()
