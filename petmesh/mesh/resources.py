"""Declared resources: their names, the pods of Deployments, and the gateways of Helm releases."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from petmesh.mesh import helm, kubernetes
from petmesh.mesh.fields import mapping
from petmesh.mesh.mesh import GatewayProxy, Workload
from petmesh.program.declaration import Resource


def gateway_proxy(release: str, namespace: str, values: helm.GatewayValues) -> GatewayProxy:
    """Create a gateway's proxy, with name and labels as the chart's _helpers.tpl makes them."""
    name = values.name or release
    account = values.service_account
    metadata = values.pod_annotations.config.proxy_metadata
    return GatewayProxy(
        name=name,
        namespace=namespace,
        labels={"app": name, "istio": name.removeprefix("istio-"), **values.labels},
        service_account=account.name or (name if account.create else "default"),
        takes_http10=bool(metadata.http10),
        most_connections=metadata.most_connections,
    )


def workload_of(
    deployment: kubernetes.Deployment, container: kubernetes.Container, least: int, *, in_mesh: bool
) -> Workload:
    """Create a Deployment's pods.

    Args:
        deployment: as declared.
        container: the one that runs here.
        least: the number of pods where the Deployment names none.
        in_mesh: whether its pods get a sidecar.
    """
    template = deployment.spec.template
    hook = container.lifecycle.pre_stop if container.lifecycle else None
    return Workload(
        name=deployment.metadata.name,
        namespace=deployment.metadata.namespace,
        labels=template.metadata.labels,
        service_account=template.spec.service_account_name,
        in_mesh=in_mesh,
        replicas=least if deployment.spec.replicas is None else deployment.spec.replicas,
        container=container,
        settle_seconds=hook.sleep.seconds if hook and hook.sleep else 0,
        grace_seconds=template.spec.termination_grace_period_seconds,
    )


def namespace_of(resource: Resource) -> str:
    """Return an object's namespace."""
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    return str(metadata.get("namespace") or "default")


def label_of(resource: Resource) -> str:
    """Return an object's name with its namespace, if it has one."""
    name = str(resource.outputs["metadata"]["name"])
    return name if resource.type.endswith(":Namespace") else f"{namespace_of(resource)}/{name}"


def parents_of(resource: Resource) -> set[str]:
    """Return the parents of a route of the Gateway API, as namespace and name."""
    given: object = mapping(resource.inputs.get("spec")).get("parentRefs")
    parents = cast("list[object]", given) if isinstance(given, list) else []
    return {
        f"{each.get('namespace') or namespace_of(resource)}/{each.get('name')}"
        for each in map(mapping, parents)
    }


def is_injected(
    deployment: kubernetes.Deployment,
    namespaces: Iterable[kubernetes.Namespace],
    *,
    by_default: bool,
) -> bool:
    """Return whether istiod injects a Deployment's pods: by their label, else the namespace's.

    Args:
        deployment: as declared.
        namespaces: the declared ones.
        by_default: what holds where the namespace isn't declared.
    """
    metadata = deployment.spec.template.metadata
    for marks in (metadata.labels, metadata.annotations):
        if "sidecar.istio.io/inject" in marks:
            return marks["sidecar.istio.io/inject"] == "true"
    declared = {each.metadata.name: each.metadata.labels for each in namespaces}
    marks = declared.get(deployment.metadata.namespace)
    if marks is None:
        return by_default
    return marks.get("istio-injection", "disabled" if "istio.io/rev" not in marks else "") in (
        "enabled",
        "",
    )
