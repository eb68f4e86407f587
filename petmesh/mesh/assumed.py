"""What plain Kubernetes YAML doesn't say of its mesh, and is assumed as Istio installs it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import yaml

from petmesh.mesh.fields import RefusedError, mapping
from petmesh.mesh.helm import MeshConfig
from petmesh.mesh.istio.networking import Gateway
from petmesh.mesh.known_kinds import ENDS
from petmesh.mesh.kubernetes import Deployment
from petmesh.mesh.mesh import ROOT_NAMESPACE, GatewayProxy
from petmesh.program import go_yaml
from petmesh.program.declaration import Resource

GATEWAY_TEMPLATE: Final = "inject.istio.io/templates"
_MESH_CONFIG: Final = "kubernetes:core/v1:ConfigMap"
_POD: Final = "kubernetes:core/v1:Pod"
# https://helm.sh/docs/topics/charts_hooks/
_HOOK: Final = "helm.sh/hook"
_INSTALLS: Final = {"pre-install", "post-install", "pre-upgrade", "post-upgrade"}
_ROOT_CONFIG: Final = f"ConfigMap {ROOT_NAMESPACE}/istio"
_OPERATOR: Final = "kubernetes:install.istio.io/v1alpha1:IstioOperator"
# Labels of the gateways that Istio's default and demo profiles install.
_INSTALLED: Final = (
    {"app": "istio-ingressgateway", "istio": "ingressgateway"},
    {"app": "istio-egressgateway", "istio": "egressgateway"},
)


def mesh_config(resources: Iterable[Resource]) -> dict[str, Any] | None:
    """Return the MeshConfig in the ConfigMap `istio` or an IstioOperator; None if there is none.

    Raises:
        RefusedError: it isn't an object in YAML.
    """
    for resource in resources:
        if resource.type == _MESH_CONFIG and _is_root(resource) and resource.name == "istio":
            data = _object(resource.inputs.get("data"), f"{_ROOT_CONFIG}: data")
            try:
                held = go_yaml.load(str(data.get("mesh") or "{}"))
            except (yaml.YAMLError, RecursionError) as error:
                why = go_yaml.in_one_line(error)
                raise RefusedError(f"{_ROOT_CONFIG}: data.mesh: {why}") from None
            return _object(held, f"{_ROOT_CONFIG}: data.mesh")
        if resource.type == _OPERATOR:
            what = f"IstioOperator {resource.name}: spec"
            spec = _object(resource.inputs.get("spec"), what)
            return _object(spec.get("meshConfig"), f"{what}.meshConfig")
    return None


def read_mesh_config(given: Mapping[str, Any]) -> tuple[MeshConfig, bool]:
    """Return a MeshConfig, and whether it lets calls to undeclared hosts pass.

    The rehearsal answers such calls with 502 in either case: nothing reaches the outside.

    Raises:
        RefusedError: it has a field or value that the rehearsal doesn't know.
    """
    policy = _object(given.get("outboundTrafficPolicy"), "MeshConfig: outboundTrafficPolicy")
    is_open = policy.get("mode", "ALLOW_ANY") == "ALLOW_ANY"
    closed = {**given, "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"} if is_open else policy}
    return MeshConfig.read(closed, "MeshConfig"), is_open


def gateway_deployment(deployment: Deployment) -> GatewayProxy | None:
    """Return the gateway that a Deployment injects; None if it is no gateway's."""
    template = deployment.spec.template
    if template.metadata.annotations.get(GATEWAY_TEMPLATE) != "gateway":
        return None
    return GatewayProxy(
        name=deployment.metadata.name,
        namespace=deployment.metadata.namespace,
        labels=template.metadata.labels,
        service_account=template.spec.service_account_name,
        takes_http10=False,
        most_connections=None,
    )


def missing_gateways(
    gateways: Iterable[Gateway], proxies: Iterable[GatewayProxy]
) -> Iterator[GatewayProxy]:
    """Yield a proxy for each Gateway whose selector none has, as an installation brings it."""
    known = list(proxies)
    for gateway in gateways:
        selector = gateway.spec.selector
        if any(selector.items() <= proxy.labels.items() for proxy in known):
            continue
        labels = next((each for each in _INSTALLED if selector.items() <= each.items()), selector)
        name = labels.get("app") or f"istio-{labels.get('istio') or gateway.metadata.name}"
        proxy = GatewayProxy(
            name=name,
            namespace=ROOT_NAMESPACE,
            labels=labels,
            service_account=f"{name}-service-account",
            takes_http10=False,
            most_connections=None,
        )
        known.append(proxy)
        yield proxy


def why_absent(resource: Resource) -> str:
    """Return why an object isn't among what serves a mesh's requests; empty if it is."""
    metadata = mapping(resource.inputs.get("metadata"))
    labels = mapping(metadata.get("labels"))
    if labels.get("app") == "istiod" or labels.get("istio") == "pilot":
        return "there is no control plane here: the rehearsal translates instead"
    hook = str(mapping(metadata.get("annotations")).get(_HOOK) or "")
    if hook and not _INSTALLS & {event.strip() for event in hook.split(",")}:
        return f"helm creates it for {hook} alone"
    restart = mapping(resource.inputs.get("spec")).get("restartPolicy")
    if resource.type == _POD and restart in ("Never", "OnFailure"):
        return ENDS
    return ""


def _object(value: object, what: str) -> dict[str, Any]:
    """Return a field that is an object; an absent one has no fields."""
    if value is not None and not isinstance(value, dict):
        raise RefusedError(f"{what}: must be an object")
    return cast("dict[str, Any]", value or {})


def _is_root(resource: Resource) -> bool:
    metadata: Mapping[str, Any] = resource.inputs.get("metadata") or {}
    return metadata.get("namespace") == ROOT_NAMESPACE
