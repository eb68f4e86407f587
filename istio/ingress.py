"""The ingress's Gateway, and the VirtualService of each public service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.install import (
    HTTP_PORT,
    HTTPS_PORT,
    INGRESS_NAMESPACE,
    INGRESS_SELECTOR,
    LOCAL_HTTP_PORT,
    LOCAL_HTTPS_PORT,
)
from istio.routing import Release, weighted_routes
from istio.users import UserCookie, at_the_ingress

GATEWAY = "petmesh"

# A public service waits up to 2 s for its own back ends. A request that reached no pod is
# retried; one that a pod answered is not: it has been through the back ends' retries already.
TIMEOUT = "5s"
RETRIES = {"attempts": 2, "perTryTimeout": "3s", "retryOn": "connect-failure,refused-stream"}

# Older versions are broken, and no client of today needs them; some still need this one.
# https://www.rfc-editor.org/rfc/rfc8996
MINIMUM_TLS = "TLSV1_2"

# A client that had a response over TLS sends nothing without it for a year: not even the first
# request, which the redirect would answer in clear. https://www.rfc-editor.org/rfc/rfc6797
STRICT_TRANSPORT = {"set": {"strict-transport-security": "max-age=31536000"}}


@dataclass(frozen=True)
class PublicHosts:
    """The host names of a namespace's services, and how clients reach them.

    Attributes:
        hosts: The DNS names that are served; any other gets 404.
        https: Whether clients speak HTTPS, to the gateway or to a load balancer in front of it.
        forwarded: Whether clients reach the gateway by a port-forward, and no load balancer.
        user_cookie: The cookie by which users keep their side of every canary; None for none.
    """

    hosts: Sequence[str]
    https: bool
    forwarded: bool
    user_cookie: UserCookie | None = None

    @property
    def url(self) -> str:
        """The first host's URL, without a path. Its name has to lead to the gateway."""
        port = LOCAL_HTTPS_PORT if self.https else LOCAL_HTTP_PORT
        scheme = "https" if self.https else "http"
        return f"{scheme}://{self.hosts[0]}{f':{port}' if self.forwarded else ''}"


def ingress_gateway(
    hosts: Mapping[str, Sequence[str]], tls_secret: str, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return the Gateway of the public routes.

    With a certificate it serves HTTPS on 443, and on 80 only a redirect to it.

    Args:
        hosts: The DNS names by the namespace whose routes alone may serve them.
        tls_secret: The Secret with its certificate and key; empty where it serves plain HTTP.
        opts: The Gateway's options; it is created after all that guards it.
    """
    owned = [f"{namespace}/{host}" for namespace, names in hosts.items() for host in names]
    return CustomResource(
        f"{GATEWAY}-gateway",
        api_version=NETWORKING,
        kind="Gateway",
        metadata={"name": GATEWAY, "namespace": INGRESS_NAMESPACE},
        spec={"selector": INGRESS_SELECTOR, "servers": _servers(owned, tls_secret)},
        opts=opts,
    )


def public_route(
    front: PublicHosts, prefix: str, release: Release, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return a public service's VirtualService, in its namespace and bound to the Gateway.

    Args:
        front: The hosts.
        prefix: The path prefix that is public.
        release: The service's versions and their weights.
        opts: The route's options; it is created after the Gateway and the service's pods.
    """
    response = STRICT_TRANSPORT if front.https else {}
    policy = {
        "timeout": TIMEOUT,
        "retries": RETRIES,
        **({"headers": {"response": response}} if response else {}),
    }
    sources = at_the_ingress(front.user_cookie, response) if front.user_cookie else ()
    return CustomResource(
        f"{release.service}-public-route",
        api_version=NETWORKING,
        kind="VirtualService",
        metadata={"name": public_route_name(release.service), "namespace": release.namespace},
        spec={
            "hosts": list(front.hosts),
            "gateways": [f"{INGRESS_NAMESPACE}/{GATEWAY}"],
            "http": weighted_routes(release, {"uri": {"prefix": prefix}}, policy, sources),
        },
        opts=opts,
    )


def public_route_name(service: str) -> str:
    """The name of a public service's VirtualService; the service's own is that of its callers."""
    return f"{service}-public"


def _servers(hosts: Sequence[str], tls_secret: str) -> Sequence[Mapping[str, object]]:
    plain: dict[str, object] = {
        "port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"},
        "hosts": hosts,
    }
    if not tls_secret:
        return [plain]
    secure = {
        "port": {"number": HTTPS_PORT, "name": "https", "protocol": "HTTPS"},
        "hosts": hosts,
        "tls": {
            "mode": "SIMPLE",
            "credentialName": tls_secret,
            "minProtocolVersion": MINIMUM_TLS,
        },
    }
    return [plain | {"tls": {"httpsRedirect": True}}, secure]
