"""What `petmesh rehearse` prints: the input, what is reachable, and the addresses."""

from collections import defaultdict
from textwrap import indent
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from petmesh.rehearsal.ask import Asker
from petmesh.rehearsal.hops import Hops
from petmesh.rehearsal.inputs import Input
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.reach import Reached, between, grouped, outside
from petmesh.rehearsal.runtime import Runtime

# What steers no request: pods, the cluster, and how a stack is applied.
_OF_THE_CLUSTER: Final = (
    "Deployment:",
    "StatefulSet:",
    "DaemonSet:",
    "Pod:",
    "Service:",
    "ServiceAccount",
    "Namespace:",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Release of chart",
    "ConfigMap",
    "Secret",
    "docker:",
    "gcp:",
    "pulumi:",
)


def print_input(read: Input, console: Console) -> None:
    """Print what is rehearsed, and what of it can't work."""
    mesh = read.mesh
    pods = sum(workload.replicas for workload in mesh.workloads)
    counts = (
        (len(mesh.services), "Service"),
        (len(mesh.workloads), "workload"),
        (pods, "pod"),
        (len(mesh.gateway_proxies), "gateway"),
    )
    told = ", ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts)
    console.print(f"Rehearsing {told}")
    for finding in findings(mesh, read.settings):
        console.print(escape(f"  warning: {finding}"), style="yellow")


def print_omissions(read: Input, console: Console, *, every: bool) -> None:
    """Print what of the input is left out, with each reason once.

    Args:
        read: the input.
        console: where it is printed.
        every: whether fields of pods and the cluster are printed too, which steer no request.
    """
    by_reason: dict[str, list[str]] = defaultdict(list)
    omissions = [
        each for each in read.mesh.omissions if every or not each.what.startswith(_OF_THE_CLUSTER)
    ]
    for omission in omissions:
        objects = [each for each in omission.objects if each]
        of = f" of {len(objects)} objects" if len(objects) > 1 else f" of {', '.join(objects)}"
        by_reason[omission.reason].append(omission.what + (of if objects else ""))
    if by_reason:
        console.print("\nLeft out, with the reason:")
    for reason, what in sorted(by_reason.items()):
        console.print(escape(f"  {reason}: {'; '.join(what)}"), style="dim")
    others = len(read.mesh.omissions) - len(omissions)
    if others:
        console.print(f"  and {others} more, which steer no request: --left-out", style="dim")


async def print_reach(runtime: Runtime, console: Console) -> None:
    """Send requests by every gateway's route and between all workloads, and print the answers."""
    hops = Hops(runtime.folder)
    async with Asker() as asker:
        from_outside = await outside(runtime, asker, hops)
        inside = await between(runtime, asker, hops)
    if from_outside:
        _print_outside(from_outside, console)
    if inside:
        table = _table("Service", "Answer to GET /", "Callers")
        for row in grouped(inside):
            table.add_row(*map(escape, row))
        console.print(table)


def print_changes(runtime: Runtime, console: Console) -> None:
    """Print what another istiod would change, where one was asked."""
    found = runtime.control_plane.changes
    if found is None:
        return
    console.print(f"\nThe other istiod would change: {len(found) or 'nothing'}")
    for each in found:
        console.print(escape(indent(str(each), "  ")))


def _print_outside(reached: list[Reached], console: Console) -> None:
    table = _table("From outside", "Answer", "Decided by")
    for each in reached:
        request = each.request
        told = [f"{request.method} {each.source}{request.path}"]
        told += [f"{name}: {value}" for name, value in request.headers.items()]
        table.add_row(escape("\n  ".join(told)), escape(each.result), escape(each.decided))
    console.print(table)


def print_addresses(runtime: Runtime, console: Console) -> None:
    """Print how to send requests of one's own, from outside and as each workload."""
    console.print("\nRunning until Ctrl-C.")
    if runtime.entrances:
        console.print("From outside:")
    for entrance in runtime.entrances:
        origin = entrance.origin()
        host = f"--resolve {origin.authority}:127.0.0.1 " if origin.host != "127.0.0.1" else ""
        trust = f"--cacert {origin.trust} " if origin.trust else ""
        console.print(escape(f"  curl {host}{trust}{origin.url}/"), soft_wrap=True)
    console.print("As a workload, by the sidecar of a pod of it:")
    for pod in runtime.pods:
        console.print(
            escape(f"  curl -x {pod.forward_proxy} http://SERVICE:PORT/  # {pod.name}"),
            soft_wrap=True,
        )
    console.print(escape(f"Logs: {runtime.folder}"), soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, title_justify="left")
    for column in table.columns:
        column.overflow = "fold"
    return table
