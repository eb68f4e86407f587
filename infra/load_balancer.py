"""Google's load balancer in front of the ingress gateway, with Google-managed certificates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
from pulumi_kubernetes.apiextensions import CustomResource

from infra.cloud_armor import security_policy

CERTIFICATE_MANAGER = "certificatemanager.googleapis.com"
GATEWAY_API = "gateway.networking.k8s.io/v1"
GKE_API = "networking.gke.io/v1"
GATEWAY_CLASS = "gke-l7-global-external-managed"
MINIMUM_TLS = "TLS_1_2"

# It adds two addresses to X-Forwarded-For: the client's, then its own.
# https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header
PROXIES = 2
# The addresses of its requests and health checks.
# https://cloud.google.com/load-balancing/docs/firewall-rules
SOURCES = ("130.211.0.0/22", "35.191.0.0/16")
_TO_HTTPS = {"scheme": "https", "statusCode": 301}


@dataclass(frozen=True)
class LoadBalancerArgs:
    """A load balancer's back end and DNS names.

    Attributes:
        name: The name of its address, certificates and policy: the cluster's.
        hosts: The DNS names that are certified and served; any other gets 404.
        namespace: The gateway's namespace.
        service: The gateway's Service, which serves plain HTTP.
        port: The Service's port.
        health_port: The port of the pods' readiness.
        health_path: The path of the pods' readiness.
        deletion_protection: Whether the engine refuses to delete its address, which
            others' DNS records name and which can't be had again.
        labels: Labels of its resources in Google Cloud.
        cloud_armor: Whether Cloud Armor looks at each request first.
        needs: Resources that it is created after: the Service, with the cluster and its APIs.
    """

    name: str
    hosts: Sequence[str]
    namespace: str
    service: str
    port: int
    health_port: int
    health_path: str
    deletion_protection: bool
    labels: Mapping[str, str]
    cloud_armor: bool
    needs: Sequence[pulumi.Resource]


class LoadBalancer(pulumi.ComponentResource):
    """A global external Application Load Balancer that terminates TLS and redirects HTTP.

    Google-managed certificates can't be exported from Certificate Manager, so the gateway can't
    serve them: this load balancer does, and connects to the gateway's pods directly, over the VPC.
    It is declared by the Kubernetes Gateway API, whose controller GKE runs. Each host has a
    certificate of its own, so that one without its DNS record yet delays no other, and that none is
    replaced when another is added or removed.

    Attributes:
        address: Its IP address.
        dns_records: The records that the hosts' DNS zones must hold: those that prove to Google who
            owns the hosts, and those that lead to the address.

    Source:
        https://cloud.google.com/kubernetes-engine/docs/how-to/secure-gateway
        https://cloud.google.com/kubernetes-engine/docs/how-to/configure-gateway-resources
        https://cloud.google.com/certificate-manager/docs/domain-authorization#dns-auth
    """

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:LoadBalancer", name, None, opts)
        self._name = name
        self._args = args
        child = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        address = gcp.compute.GlobalAddress(
            f"{name}-address",
            name=args.name,
            labels=args.labels,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=args.needs, protect=args.deletion_protection
            ),
        )
        policy = gcp.compute.SSLPolicy(
            f"{name}-tls", name=args.name, min_tls_version=MINIMUM_TLS, profile="MODERN", opts=child
        )
        certificates = gcp.certificatemanager.CertificateMap(
            f"{name}-certificates", name=args.name, labels=args.labels, opts=child
        )
        certified = [self._certify(host, certificates, child) for host in args.hosts]
        # What the load balancer uses can't be deleted before it, its TLS policy neither.
        used = [policy, *(entry for entry, _ in certified), *args.needs]
        gateway = self._gateway(
            address, certificates, pulumi.ResourceOptions(parent=self, depends_on=used)
        )
        behind = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
        gateway_ref = {"group": GATEWAY_API.partition("/")[0], "kind": "Gateway", "name": "public"}
        self._policy(
            "tls-policy", "GCPGatewayPolicy", {"sslPolicy": policy.name}, gateway_ref, behind
        )
        service_ref = {"group": "", "kind": "Service", "name": args.service}
        health = {
            "type": "HTTP",
            "httpHealthCheck": {
                "portSpecification": "USE_FIXED_PORT",
                "port": args.health_port,
                "requestPath": args.health_path,
            },
        }
        self._policy("health", "HealthCheckPolicy", {"config": health}, service_ref, behind)
        if args.cloud_armor:
            armor = security_policy(f"{name}-cloud-armor", args.name, args.labels, child)
            security = {"securityPolicy": armor.name}
            self._policy("backend-policy", "GCPBackendPolicy", security, service_ref, behind)
        redirect = {"type": "RequestRedirect", "requestRedirect": _TO_HTTPS}
        self._route("http", {"filters": [redirect]}, behind)
        self._route("https", {"backendRefs": [{"name": args.service, "port": args.port}]}, behind)
        self.address = address.address
        leading = [
            address.address.apply(lambda data, host=host: _record(f"{host}.", "A", data))
            for host in args.hosts
        ]
        self.dns_records = pulumi.Output.all(*(proof for _, proof in certified), *leading)
        self.register_outputs({"address": self.address, "dns_records": self.dns_records})

    def _certify(
        self,
        host: str,
        certificates: gcp.certificatemanager.CertificateMap,
        opts: pulumi.ResourceOptions,
    ) -> tuple[pulumi.Resource, pulumi.Output[Mapping[str, str]]]:
        """Declare a host's certificate; return its entry in the map, and the DNS record for it."""
        name, labels = self._name, self._args.labels
        called = f"{self._args.name}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"
        proof = gcp.certificatemanager.DnsAuthorization(
            f"{name}-{host}-proof", name=called, domain=host, labels=labels, opts=opts
        )
        certificate = gcp.certificatemanager.Certificate(
            f"{name}-{host}-certificate",
            name=called,
            managed={"domains": [host], "dns_authorizations": [proof.id]},
            labels=labels,
            opts=opts,
        )
        entry = gcp.certificatemanager.CertificateMapEntry(
            f"{name}-{host}-entry",
            name=called,
            map=certificates.name,
            hostname=host,
            certificates=[certificate.id],
            labels=labels,
            opts=opts,
        )
        return entry, proof.dns_resource_records.apply(_proof)

    def _gateway(
        self,
        address: gcp.compute.GlobalAddress,
        certificates: gcp.certificatemanager.CertificateMap,
        opts: pulumi.ResourceOptions,
    ) -> CustomResource:
        return CustomResource(
            f"{self._name}-gateway",
            api_version=GATEWAY_API,
            kind="Gateway",
            metadata={
                "name": "public",
                "namespace": self._args.namespace,
                "annotations": {"networking.gke.io/certmap": certificates.name},
            },
            spec={
                "gatewayClassName": GATEWAY_CLASS,
                "addresses": [{"type": "NamedAddress", "value": address.name}],
                "listeners": [
                    {
                        "name": protocol.lower(),
                        "protocol": protocol,
                        "port": port,
                        "allowedRoutes": {"namespaces": {"from": "Same"}},
                    }
                    for protocol, port in (("HTTP", 80), ("HTTPS", 443))
                ],
            },
            opts=opts,
        )

    def _policy(
        self,
        suffix: str,
        kind: str,
        default: Mapping[str, object],
        target: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare a policy of GKE's that is attached to the Gateway or to the Service."""
        CustomResource(
            f"{self._name}-{suffix}",
            api_version=GKE_API,
            kind=kind,
            metadata={"name": "public", "namespace": self._args.namespace},
            spec={"default": default, "targetRef": target},
            opts=opts,
        )

    def _route(
        self, listener: str, rule: Mapping[str, object], opts: pulumi.ResourceOptions
    ) -> None:
        """Declare the HTTPRoute of one of the Gateway's listeners."""
        CustomResource(
            f"{self._name}-{listener}",
            api_version=GATEWAY_API,
            kind="HTTPRoute",
            metadata={"name": f"public-{listener}", "namespace": self._args.namespace},
            spec={
                "parentRefs": [{"name": "public", "sectionName": listener}],
                "hostnames": list(self._args.hosts),
                "rules": [rule],
            },
            opts=opts,
        )


def _proof(
    records: Sequence[gcp.certificatemanager.outputs.DnsAuthorizationDnsResourceRecord],
) -> Mapping[str, str]:
    [record] = records
    return _record(record.name or "", record.type or "", record.data or "")


def _record(name: str, type_: str, data: str) -> Mapping[str, str]:
    return {"name": name, "type": type_, "data": data}
