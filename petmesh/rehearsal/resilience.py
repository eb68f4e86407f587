"""A mesh without retries and outlier detection, to compare with the declared one."""

from dataclasses import replace

from petmesh.mesh.istio.destination_rule import DestinationRule, TrafficPolicy
from petmesh.mesh.istio.virtual_service import HttpRetry, VirtualService
from petmesh.mesh.mesh import Mesh

_NO_RETRIES = HttpRetry(attempts=0)


def without_resilience(mesh: Mesh) -> Mesh:
    """Return the mesh without retries, including istiod's default, and outlier detection."""
    return replace(
        mesh,
        config=mesh.config.model_copy(update={"default_http_retry_policy": _NO_RETRIES}),
        virtual_services=tuple(_no_retries(service) for service in mesh.virtual_services),
        destination_rules=tuple(_no_ejection(rule) for rule in mesh.destination_rules),
    )


def _no_retries(service: VirtualService) -> VirtualService:
    routes = tuple(route.model_copy(update={"retries": _NO_RETRIES}) for route in service.spec.http)
    return service.model_copy(update={"spec": service.spec.model_copy(update={"http": routes})})


def _no_ejection(rule: DestinationRule) -> DestinationRule:
    subsets = tuple(
        subset.model_copy(update={"traffic_policy": _calm(subset.traffic_policy)})
        for subset in rule.spec.subsets
    )
    update = {"traffic_policy": _calm(rule.spec.traffic_policy), "subsets": subsets}
    return rule.model_copy(update={"spec": rule.spec.model_copy(update=update)})


def _calm(policy: TrafficPolicy | None) -> TrafficPolicy | None:
    if policy is None:
        return None
    ports = tuple(
        port.model_copy(update={"outlier_detection": None}) for port in policy.port_level_settings
    )
    return policy.model_copy(update={"outlier_detection": None, "port_level_settings": ports})
