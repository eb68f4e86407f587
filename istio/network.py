"""NetworkPolicies: traffic that none of them allows is denied, in both directions.

A NetworkPolicy sees pods, their ports behind any Service, and no redirection: a call reaches the
called pod at its own port, and the sidecar takes it there. Kubernetes always lets a node reach its
own pods, so that kubelet's probes need no policy.

Source:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pulumi
import pulumi_kubernetes as kubernetes

from istio.pods import WorkloadPods

SYSTEM_NAMESPACE = "istio-system"
ISTIOD = WorkloadPods(SYSTEM_NAMESPACE, "istiod", {"app": "istiod"})
# Configuration and certificates, over TLS.
XDS_PORT = 15012
INJECTION_PORT = 15017
CONTROL_PLANE_METRICS_PORT = 15014
DNS_PORT = 53
TLS_PORT = 443
# Behind its Service: GKE's, kubeadm's and kind's, minikube's, microk8s's.
API_SERVER_PORTS = (443, 6443, 8443, 16443)
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
# NodeLocal DNSCache on the node's network; in GKE's Dataplane V2 its pods get the queries.
# https://cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache
NODE_LOCAL_DNS = "169.254.20.10/32"
# What is no public address: a cluster's own, and the cloud's metadata server.
# https://www.iana.org/assignments/iana-ipv4-special-registry
PRIVATE_RANGES = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
)


@dataclass(frozen=True)
class NetworkPeer:
    """The other end of allowed traffic, and the TCP ports of the pods that are called.

    Attributes:
        ports: TCP ports of the called pods, which may differ from their Service's.
        namespace: The other end's namespace; empty for what has addresses.
        labels: The labels of its pods there; none for all of them.
        addresses: With no namespace, its IPv4 CIDR ranges; none for any address.
        without: The CIDR ranges within these that aren't meant.
    """

    ports: Sequence[int]
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    addresses: Sequence[str] = ()
    without: Sequence[str] = ()

    @classmethod
    def of(cls, pods: WorkloadPods, *ports: int) -> Self:
        """Some pods, with the TCP ports of those that are called."""
        return cls(ports, pods.namespace, pods.labels)


XDS = NetworkPeer.of(ISTIOD, XDS_PORT)
PUBLIC_TLS = NetworkPeer([TLS_PORT], addresses=["0.0.0.0/0"], without=PRIVATE_RANGES)


def api_server(ranges: Sequence[str]) -> NetworkPeer:
    """The API server, which is no pod.

    Args:
        ranges: The IPv4 CIDR ranges that its addresses behind its Service lie in.
    """
    return NetworkPeer(API_SERVER_PORTS, addresses=ranges)


def allow_traffic(
    pods: WorkloadPods,
    callers: Sequence[NetworkPeer],
    called: Sequence[NetworkPeer],
    opts: pulumi.ResourceOptions,
) -> kubernetes.networking.v1.NetworkPolicy:
    """Return the one NetworkPolicy with all allowed traffic of some pods, for them to depend on.

    Args:
        pods: The pods.
        callers: Who may connect to them.
        called: What they may connect to, besides DNS.
        opts: The policy's options; it is created after the namespace.
    """
    return kubernetes.networking.v1.NetworkPolicy(
        f"{pods.namespace}-{pods.name}-traffic",
        metadata={"name": pods.name, "namespace": pods.namespace},
        spec={
            "pod_selector": {"match_labels": pods.labels},
            "policy_types": ["Ingress", "Egress"],
            "ingress": [_ingress(peer) for peer in callers],
            "egress": [_dns(), *(_egress(peer) for peer in called)],
        },
        opts=opts,
    )


def default_deny(
    namespace: str, opts: pulumi.ResourceOptions
) -> kubernetes.networking.v1.NetworkPolicy:
    """Return a NetworkPolicy that denies all traffic to and from every pod of a namespace.

    Args:
        namespace: The namespace.
        opts: The policy's options. It depends on the policies that allow traffic: created after
            them and deleted before them, so that no traffic in use is ever blocked.
    """
    return kubernetes.networking.v1.NetworkPolicy(
        f"{namespace}-default-deny",
        metadata={"name": "default-deny", "namespace": namespace},
        spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
        opts=opts,
    )


def _ingress(peer: NetworkPeer) -> kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict:
    rule: kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict = {"ports": _tcp(peer)}
    if selectors := _selectors(peer):
        rule["from_"] = selectors
    return rule


def _egress(peer: NetworkPeer) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgsDict:
    rule: kubernetes.networking.v1.NetworkPolicyEgressRuleArgsDict = {"ports": _tcp(peer)}
    if selectors := _selectors(peer):
        rule["to"] = selectors
    return rule


def _selectors(peer: NetworkPeer) -> list[kubernetes.networking.v1.NetworkPolicyPeerArgsDict]:
    """The pods or the addresses; none means any."""
    if not peer.namespace:
        return [{"ip_block": _block(cidr, peer.without)} for cidr in peer.addresses]
    pods: kubernetes.networking.v1.NetworkPolicyPeerArgsDict = {
        "namespace_selector": {"match_labels": {NAMESPACE_LABEL: peer.namespace}}
    }
    if peer.labels:
        pods["pod_selector"] = {"match_labels": peer.labels}
    return [pods]


def _block(cidr: str, without: Sequence[str]) -> kubernetes.networking.v1.IPBlockArgsDict:
    block: kubernetes.networking.v1.IPBlockArgsDict = {"cidr": cidr}
    if without:
        block["except_"] = list(without)
    return block


def _tcp(peer: NetworkPeer) -> list[kubernetes.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in peer.ports]


def _dns() -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgsDict:
    """To the cluster's DNS servers and the nodes' caches alone, or DNS would be a way out."""
    return {
        "to": [
            {
                "namespace_selector": {"match_labels": {NAMESPACE_LABEL: "kube-system"}},
                "pod_selector": {
                    "match_expressions": [
                        {
                            "key": "k8s-app",
                            "operator": "In",
                            "values": ["kube-dns", "node-local-dns"],
                        }
                    ]
                },
            },
            {"ip_block": {"cidr": NODE_LOCAL_DNS}},
        ],
        "ports": [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")],
    }
