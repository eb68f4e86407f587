"""The API versions of custom resources."""

NETWORKING = "networking.istio.io/v1"
SECURITY = "security.istio.io/v1"
TELEMETRY = "telemetry.istio.io/v1"
# EnvoyFilter has no other.
ENVOY_FILTER = "networking.istio.io/v1alpha3"
CERT_MANAGER = "cert-manager.io/v1"
