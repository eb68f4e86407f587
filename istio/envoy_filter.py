"""The EnvoyFilter that patches the ingress gateway's HTTP connection manager."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import ENVOY_FILTER
from istio.install import INGRESS_NAMESPACE, INGRESS_SELECTOR

HTTP_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"


def ingress_filter(
    name: str,
    apply_to: str,
    matched: Mapping[str, object],
    patch: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Declare an EnvoyFilter with one patch.

    Args:
        name: Its name in Kubernetes.
        apply_to: What it patches: NETWORK_FILTER or HTTP_FILTER.
        matched: The network filter that is patched, or that has the HTTP filter.
        patch: The patch's operation and value, in the snake case of Envoy's API.
        opts: The EnvoyFilter's own; it is created after the ingress gateway.

    Source:
        https://istio.io/latest/docs/reference/config/networking/envoy-filter/
    """
    return CustomResource(
        f"{name}-filter",
        api_version=ENVOY_FILTER,
        kind="EnvoyFilter",
        metadata={"name": name, "namespace": INGRESS_NAMESPACE},
        spec={
            "workloadSelector": {"labels": INGRESS_SELECTOR},
            "configPatches": [
                {
                    "applyTo": apply_to,
                    "match": {
                        "context": "GATEWAY",
                        "listener": {"filterChain": {"filter": matched}},
                    },
                    "patch": patch,
                }
            ],
        },
        opts=opts,
    )
