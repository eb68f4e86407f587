"""The label by which istiod names the pods of a Gateway of the Gateway API."""

from typing import Final

GATEWAY_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
