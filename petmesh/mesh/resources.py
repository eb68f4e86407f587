"""Declared resources: their names, and the gateways of Helm releases."""

from collections.abc import Mapping
from typing import Any

from petmesh.mesh import helm
from petmesh.mesh.mesh import GatewayProxy
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


def namespace_of(resource: Resource) -> str:
    """Return an object's namespace."""
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    return str(metadata.get("namespace") or "default")


def label_of(resource: Resource) -> str:
    """Return an object's name with its namespace, if it has one."""
    name = str(resource.outputs["metadata"]["name"])
    return name if resource.type.endswith(":Namespace") else f"{namespace_of(resource)}/{name}"
