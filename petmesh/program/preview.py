"""Prints a declaration as a tree of components and resources."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from petmesh.program.declaration import Declaration, Resource, UnknownValue

Inputs = Mapping[str, Any]


def print_preview(declaration: Declaration, console: Console) -> None:
    """Print components with their resources below them, and a key fact of each."""
    console.print(
        Text(
            f"Stack {declaration.stack}: what the program declares, from an in-process run without "
            "the Pulumi engine, so without a comparison with what exists.",
            style="dim",
        )
    )
    tree = Tree(Text(f"{declaration.project}-{declaration.stack}", style="bold"))
    nodes: dict[str, Tree] = {}
    for resource in declaration.resources:
        above = nodes.get(resource.parent, tree)
        nodes[resource.urn] = above.add(_label(resource))
    console.print(tree)
    custom = sum(resource.custom for resource in declaration.resources)
    console.print(
        f"{custom} resources in {len(declaration.resources) - custom} components, "
        f"{len(declaration.outputs)} outputs: {', '.join(sorted(declaration.outputs))}"
    )
    for warning in declaration.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))


def _label(resource: Resource) -> Text:
    label = Text()
    label.append(_short(resource.type), style="cyan" if resource.custom else "magenta")
    label.append(f" {resource.name}")
    if told := fact(resource):
        label.append(f"  {told}", style="dim")
    if resource.protect:
        label.append("  protected", style="yellow")
    return label


def _short(type_: str) -> str:
    """Return a Kubernetes kind; for other types the CLI's short form, without the file."""
    package, module, name = type_.split(":")
    return name if package == "kubernetes" else f"{package}:{module.split('/')[0]}:{name}"


def fact(resource: Resource) -> str:
    """Return the key fact of a resource; empty for a resource with secrets."""
    of_kind = _FACTS.get(resource.type.rpartition(":")[2])
    if not of_kind or resource.secret_inputs:
        return ""
    return of_kind(resource.inputs, resource.inputs.get("spec") or {})


def _route(route: Inputs) -> str:
    targets = route.get("route", [])
    shares = [
        f"{target['destination'].get('subset') or target['destination']['host'].split('.')[0]}"
        + (f" {target['weight']}%" if "weight" in target else "")
        for target in targets
    ]
    name = f"{route['name']}: " if route.get("name") else ""
    return name + ", ".join(shares)


def _shown(value: object) -> str:
    return "known after the update" if isinstance(value, UnknownValue) else str(value)


def _destinations(_inputs: Inputs, spec: Inputs) -> str:
    subsets = ", ".join(subset["name"] for subset in spec.get("subsets", []))
    return f"{spec.get('host')}" + (f": subsets {subsets}" if subsets else "")


def _images(_inputs: Inputs, spec: Inputs) -> str:
    containers = spec.get("template", {}).get("spec", {}).get("containers", [])
    return ", ".join(_shown(container.get("image")) for container in containers)


def _member(inputs: Inputs, _spec: Inputs) -> str:
    return f"{inputs.get('role')} for {_shown(inputs.get('member'))}"


def _authorization(_: Inputs, spec: Inputs) -> str:
    action, rules = spec.get("action", "ALLOW"), spec.get("rules", [])
    if not rules:
        return f"{action} nothing"
    sources = [each.get("source", {}) for rule in rules for each in rule.get("from", [])]
    named = [name for source in sources for name in source.get("principals", [])]
    return f"{action} {', '.join(named) or 'anybody'}"


_FACTS: dict[str, Callable[[Inputs, Inputs], str]] = {
    "VirtualService": lambda _, spec: "; ".join(_route(route) for route in spec.get("http", [])),
    "DestinationRule": _destinations,
    "ServiceEntry": lambda _, spec: ", ".join(spec.get("hosts", [])),
    "PeerAuthentication": lambda _, spec: str(spec.get("mtls", {}).get("mode", "")),
    "AuthorizationPolicy": _authorization,
    "Release": lambda inputs, _: f"chart {inputs.get('chart')} {inputs.get('version') or ''}",
    "Deployment": _images,
    "HorizontalPodAutoscaler": lambda _, spec: (
        f"{spec.get('minReplicas', 1)} to {spec['maxReplicas']}"
    ),
    "Image": lambda inputs, _: _shown(inputs.get("imageName")),
    "IAMMember": _member,
    "RepositoryIamMember": _member,
    "Cluster": lambda inputs, _: str(inputs.get("location", "")),
    "NodePool": lambda inputs, _: str(inputs.get("location", "")),
}
