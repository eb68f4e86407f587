"""What the tests ask of a declaration, in a few words. Each stack and config is declared once."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from petmesh.program.declaration import Declaration, Resource
from petmesh.program.program import declare
from petmesh.program.stack_config import stack_config

PROJECT = "petmesh-test"
GIVEN = f"registry.example.com/given@sha256:{'3' * 64}"


def local(**config: str) -> Declaration:
    """The stack for a cluster that exists, with some keys set."""
    return _declared("local", _resolved("local", config), preview=False)


def gke(**config: str) -> Declaration:
    """The stack that creates a GKE cluster, with some keys set."""
    return _declared("dev", _resolved("dev", {"gcp:project": PROJECT, **config}), preview=False)


def kept(stack: str) -> Declaration:
    """A stack as its file has it, in a project where it needs one."""
    project = {"gcp:project": PROJECT} if stack != "local" else {}
    return _declared(stack, _resolved(stack, project), preview=False)


def local_otherwise() -> Declaration:
    """A stack for a cluster that exists, with all but the release's keys different."""
    return local(
        kubeContext="kind-pets",
        imageRegistry="registry.example.com/pets",
        images=f'["petservice/v1={GIVEN}"]',
        istioCharts="oci://charts.example.com/istio/",
        istioVersion="1.32.0",
        ingressRequestsPerSecond="200",
        userCookie="place",
        namespace="dev-pets",
        minReplicas="3",
        maxReplicas="7",
        dogApiEnabled="true",
        dogApiHost="dog.example.com",
        dogApiPath="/v2/dogs?limit=1",
    )


def gke_otherwise() -> Declaration:
    """A stack that creates a GKE cluster, with all that concerns Google Cloud different."""
    return gke(
        clusterName="pets-eu",
        location="europe-west4",
        deployers='["group:platform@example.com", "user:alice@example.com"]',
        authorizedNetworks='["203.0.113.0/24", "198.51.100.7/32"]',
        machineType="n2-standard-8",
        minNodes="2",
        maxNodes="9",
        deletionProtection="false",
        dogApiEnabled="true",
    )


def google_managed(**config: str) -> Declaration:
    """A stack whose certificates Google manages, at its load balancer before the ingress."""
    return gke(
        ingressTls="googleManaged",
        ingressServiceType="ClusterIP",
        ingressHosts='["pets.example.com", "pets.example.org"]',
        **config,
    )


def with_v3() -> Declaration:
    """A release of a version that this checkout can't build."""
    return local(
        images=f'["petdetailsservice/v3={GIVEN}"]',
        stableVersion="v2",
        canaryVersion="v3",
        canaryWeight="50",
    )


def previewed(up: Declaration) -> Declaration:
    """The same stack and config as a preview declares them before the first up."""
    return _declared(up.stack, tuple(sorted(up.config.items())), preview=True)


def _resolved(stack: str, config: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    keys = {key if ":" in key else f"petmesh:{key}": value for key, value in config.items()}
    return tuple(sorted({**kept_config(stack), **keys}.items()))


@cache
def kept_config(stack: str) -> Mapping[str, str]:
    """The config of a stack as it is kept in the repository, by full key."""
    return stack_config(stack, {})[0]


@cache
def _declared(stack: str, config: tuple[tuple[str, str], ...], *, preview: bool) -> Declaration:
    return declare(stack, dict(config), preview=preview)


def in_cluster(declaration: Declaration) -> tuple[Resource, ...]:
    """Every resource that the Kubernetes provider is asked for, reads left out."""
    return tuple(
        resource
        for resource in declaration.resources
        if resource.type.startswith("kubernetes:") and not resource.read_id
    )


def manifests(declaration: Declaration, kind: str) -> dict[str, Resource]:
    """The resources of one Kubernetes kind, by their name in the cluster."""
    return {
        resource.inputs["metadata"]["name"]: resource
        for resource in in_cluster(declaration)
        if resource.inputs.get("kind") == kind
    }


def in_namespace(declaration: Declaration, kind: str, namespace: str) -> dict[str, Any]:
    """The resources of one Kubernetes kind in a namespace, by their name there."""
    return {
        resource.inputs["metadata"]["name"]: resource
        for resource in in_cluster(declaration)
        if resource.inputs.get("kind") == kind
        and resource.inputs["metadata"].get("namespace") == namespace
    }


def manifest(declaration: Declaration, kind: str, name: str) -> Resource:
    """The one resource of a Kubernetes kind and name."""
    return manifests(declaration, kind)[name]


def spec(declaration: Declaration, kind: str, name: str) -> Any:  # noqa: ANN401 (data)
    """The spec of the one resource of a Kubernetes kind and name."""
    return manifest(declaration, kind, name).inputs["spec"]


def pod(declaration: Declaration, deployment: str) -> Any:  # noqa: ANN401 (data)
    """The pod spec of a Deployment."""
    return spec(declaration, "Deployment", deployment)["template"]["spec"]


def container(declaration: Declaration, deployment: str) -> Any:  # noqa: ANN401 (data)
    """The one container of a Deployment's pods."""
    [only] = pod(declaration, deployment)["containers"]
    return only


def release(declaration: Declaration, name: str) -> Mapping[str, Any]:
    """The inputs of a Helm release."""
    return declaration.one("kubernetes:helm.sh/v3:Release", name).inputs


def before(declaration: Declaration, resource: Resource) -> set[str]:
    """The URNs of all that is created before a resource, and deleted after it.

    As the engine sees it, what a resource comes after are its dependencies, its parent and its
    provider, and in turn what those come after.

    Source:
        TransitiveDependenciesOf in
        https://github.com/pulumi/pulumi/blob/master/pkg/resource/graph/dependency_graph.go
    """
    by_urn = {each.urn: each for each in declaration.resources}
    found: set[str] = set()
    waiting = [resource]
    while waiting:
        current = waiting.pop()
        for urn in (*current.dependencies, current.parent, current.provider):
            if urn in by_urn and urn not in found:
                found.add(urn)
                waiting.append(by_urn[urn])
    return found


def is_after(declaration: Declaration, later: Resource, earlier: Resource) -> bool:
    """Whether one resource is created after another, and deleted before it."""
    return earlier.urn in before(declaration, later)


def leaves(data: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every scalar within plain data, with its path, such as `spec.http[0].timeout`."""
    match data:
        case dict():
            for key, value in data.items():  # pyright: ignore[reportUnknownVariableType]
                yield from leaves(value, f"{path}.{key}" if path else str(key))  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for index, value in enumerate(data):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
                yield from leaves(value, f"{path}[{index}]")  # pyright: ignore[reportUnknownArgumentType]
        case _:
            yield path, data


def changed_leaves(old: Resource, new: Resource) -> set[str]:
    """The paths of the scalars that differ between two resources' inputs."""
    was, becomes = dict(leaves(old.inputs)), dict(leaves(new.inputs))
    return {path for path in was.keys() | becomes.keys() if was.get(path) != becomes.get(path)}
