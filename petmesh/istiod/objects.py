"""A mesh's objects of Istio, and its MeshConfig, as istiod reads them from files."""

from collections.abc import Mapping
from typing import Any

from petmesh.envoy.destination_rules import united
from petmesh.mesh.envoy_filter import EnvoyFilter
from petmesh.mesh.fields import Fields, Metadata
from petmesh.mesh.gateway_names import GATEWAY_LABEL
from petmesh.mesh.istio import destination_rule, networking, security, telemetry, virtual_service
from petmesh.mesh.mesh import Mesh

Object = dict[str, Any]
_VERSIONS: Mapping[type[Fields], str] = {
    virtual_service.VirtualService: "networking.istio.io/v1",
    destination_rule.DestinationRule: "networking.istio.io/v1",
    networking.ServiceEntry: "networking.istio.io/v1",
    networking.WorkloadEntry: "networking.istio.io/v1",
    networking.Gateway: "networking.istio.io/v1",
    networking.Sidecar: "networking.istio.io/v1",
    EnvoyFilter: "networking.istio.io/v1alpha3",
    security.PeerAuthentication: "security.istio.io/v1",
    security.RequestAuthentication: "security.istio.io/v1",
    security.AuthorizationPolicy: "security.istio.io/v1",
    telemetry.Telemetry: "telemetry.istio.io/v1",
}


def own_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels without the one by which istiod looks for a Gateway of the Gateway API.

    It reads none of these from files, and ends where a proxy has the label.
    """
    return {("petmesh/gateway" if key == GATEWAY_LABEL else key): labels[key] for key in labels}


def istio_objects(mesh: Mesh, keys: str = "") -> list[Object]:
    """Return a mesh's objects of Istio; those of the Gateway API as what they were taken as.

    Args:
        mesh: the declared objects.
        keys: the JSON Web Key Set in place of those that istiod would fetch; "" for none.
    """
    declared = (
        *mesh.virtual_services,
        *united(mesh.destination_rules),
        *mesh.service_entries,
        *mesh.workload_entries,
        *mesh.gateways,
        *mesh.sidecars,
        *mesh.envoy_filters,
        *mesh.peer_authentications,
        *mesh.request_authentications,
        *mesh.authorization_policies,
        *mesh.telemetries,
    )
    objects = [_object(each) for each in declared]
    for each in objects if keys else ():
        if each["kind"] == "RequestAuthentication":
            each["spec"]["jwtRules"] = [
                _with_keys(rule, keys) for rule in each["spec"].get("jwtRules", ())
            ]
    return objects


def _with_keys(rule: Object, keys: str) -> Object:
    return rule if rule.get("jwks") else {**rule, "jwksUri": "", "jwks": keys}


def mesh_config_of(mesh: Mesh) -> Object:
    """Return the MeshConfig that istiod reads."""
    return _plain(mesh.config)


def _plain(model: Fields) -> Object:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _object(each: Any) -> Object:  # noqa: ANN401 (any of the kinds above)
    kind = next(model for model in type(each).__mro__ if model in _VERSIONS)
    metadata: Metadata = each.metadata
    name = metadata.name
    if isinstance(each, virtual_service.RouteObject):
        name = f"{name}-{each.declared_kind.lower()}"
    if isinstance(each, destination_rule.PolicyRule):
        name = f"{each.spec.host}-policy"
    spec = _plain(each.spec)
    if kind is networking.Gateway:
        spec["selector"] = own_labels(spec.get("selector", {}))
        for server in spec["servers"]:
            # TLS without a setting is TLS for istiod.
            if not server.get("tls"):
                server.pop("tls", None)
    return {
        "apiVersion": _VERSIONS[kind],
        "kind": kind.__name__,
        "metadata": {**_plain(metadata), "name": name},
        "spec": spec,
    }
