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
        shown: list[pulumi.Resource] = []
        proofs: list[pulumi.Output[Mapping[str, str]]] = []
        for host in args.hosts:
            called = f"{args.name}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"
            proof = gcp.certificatemanager.DnsAuthorization(
                f"{name}-{host}-proof", name=called, domain=host, labels=args.labels, opts=child
            )
            certificate = gcp.certificatemanager.Certificate(
                f"{name}-{host}-certificate",
                name=called,
                managed={"domains": [host], "dns_authorizations": [proof.id]},
                labels=args.labels,
                opts=child,
            )
            entry = gcp.certificatemanager.CertificateMapEntry(
                f"{name}-{host}-entry",
                name=called,
                map=certificates.name,
                hostname=host,
                certificates=[certificate.id],
                labels=args.labels,
                opts=child,
            )
            shown.append(entry)
            proofs.append(proof.dns_resource_records.apply(_proof))
        gateway = CustomResource(
            f"{name}-gateway",
            api_version=GATEWAY_API,
            kind="Gateway",
            metadata={
                "name": "public",
                "namespace": args.namespace,
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
            # What the load balancer uses can't be deleted before it, its TLS policy neither.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *shown, *args.needs]),
        )
        behind = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
        CustomResource(
            f"{name}-tls-policy",
            api_version=GKE_API,
            kind="GCPGatewayPolicy",
            metadata={"name": "public", "namespace": args.namespace},
            spec={
                "default": {"sslPolicy": policy.name},
                "targetRef": {
                    "group": GATEWAY_API.partition("/")[0],
                    "kind": "Gateway",
                    "name": "public",
                },
            },
            opts=behind,
        )
        CustomResource(
            f"{name}-health",
            api_version=GKE_API,
            kind="HealthCheckPolicy",
            metadata={"name": "public", "namespace": args.namespace},
            spec={
                "default": {
                    "config": {
                        "type": "HTTP",
                        "httpHealthCheck": {
                            "portSpecification": "USE_FIXED_PORT",
                            "port": args.health_port,
                            "requestPath": args.health_path,
                        },
                    }
                },
                "targetRef": {"group": "", "kind": "Service", "name": args.service},
            },
            opts=behind,
        )
        if args.cloud_armor:
            armor = security_policy(f"{name}-cloud-armor", args.name, args.labels, child)
            CustomResource(
                f"{name}-backend-policy",
                api_version=GKE_API,
                kind="GCPBackendPolicy",
                metadata={"name": "public", "namespace": args.namespace},
                spec={
                    "default": {"securityPolicy": armor.name},
                    "targetRef": {"group": "", "kind": "Service", "name": args.service},
                },
                opts=behind,
            )
        redirect = {"type": "RequestRedirect", "requestRedirect": _TO_HTTPS}
        for listener, rule in (
            ("http", {"filters": [redirect]}),
            ("https", {"backendRefs": [{"name": args.service, "port": args.port}]}),
        ):
            CustomResource(
                f"{name}-{listener}",
                api_version=GATEWAY_API,
                kind="HTTPRoute",
                metadata={"name": f"public-{listener}", "namespace": args.namespace},
                spec={
                    "parentRefs": [{"name": "public", "sectionName": listener}],
                    "hostnames": list(args.hosts),
                    "rules": [rule],
                },
                opts=behind,
            )
        self.address = address.address
        leading = [
            address.address.apply(lambda data, host=host: _record(f"{host}.", "A", data))
            for host in args.hosts
        ]
        self.dns_records = pulumi.Output.all(*proofs, *leading)
        self.register_outputs({"address": self.address, "dns_records": self.dns_records})


def _proof(
    records: Sequence[gcp.certificatemanager.outputs.DnsAuthorizationDnsResourceRecord],
) -> Mapping[str, str]:
    [record] = records
    return _record(record.name or "", record.type or "", record.data or "")


def _record(name: str, type_: str, data: str) -> Mapping[str, str]:
    return {"name": name, "type": type_, "data": data}
