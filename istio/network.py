"""Which network paths pods have: what no NetworkPolicy opens is closed, both ways.

A NetworkPolicy sees pods, their ports behind any Service, and no redirection: a call reaches the
called pod at its own port, and the sidecar takes it there. Kubernetes always lets a node reach its
own pods, so that kubelet's probes need no path.

Source:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

SYSTEM_NAMESPACE = "istio-system"
ISTIOD = {"app": "istiod"}
# Configuration and certificates, over TLS.
XDS_PORT = 15012
INJECTION_PORT = 15017
CONTROL_PLANE_METRICS_PORT = 15014
DNS_PORT = 53
TLS_PORT = 443
# Behind its Service: GKE's, kubeadm's and kind's, minikube's, microk8s's.
API_SERVER_PORTS = (443, 6443, 8443, 16443)
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
# NodeLocal DNSCache on the node's network; in GKE's Dataplane V2 its pods are asked instead.
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
class Path:
    """The other end of a path, and the TCP ports of the pods that are called.

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


XDS = Path([XDS_PORT], SYSTEM_NAMESPACE, ISTIOD)
PUBLIC_TLS = Path([TLS_PORT], addresses=["0.0.0.0/0"], without=PRIVATE_RANGES)


def api_server(ranges: Sequence[str]) -> Path:
    """The path to the API server, which is no pod.

    Args:
        ranges: The IPv4 CIDR ranges that its addresses behind its Service lie in.
    """
    return Path(API_SERVER_PORTS, addresses=ranges)


@dataclass(frozen=True)
class PodPathsArgs:
    """Which paths.

    Attributes:
        name: The NetworkPolicy's name.
        namespace: The pods' namespace.
        labels: Their labels.
        callers: Who may call them.
        called: Whom they may call, besides DNS.
        needs: What has to be there first: the namespace.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    callers: Sequence[Path]
    called: Sequence[Path]
    needs: Sequence[pulumi.Resource]


class PodPaths(pulumi.ComponentResource):
    """The NetworkPolicy with every path of some pods, so that it may come before the rest closes.

    Attributes:
        policy: The NetworkPolicy, for pods to depend on.
    """

    def __init__(
        self, name: str, args: PodPathsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:PodPaths", name, None, opts)
        self.policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": args.name, "namespace": args.namespace},
            spec={
                "pod_selector": {"match_labels": args.labels},
                "policy_types": ["Ingress", "Egress"],
                "ingress": [_ingress(path) for path in args.callers],
                "egress": [_dns(), *(_egress(path) for path in args.called)],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


class NoOtherPaths(pulumi.ComponentResource):
    """A NetworkPolicy that closes every pod of a namespace to and from everything.

    It comes after the policies that open paths, and goes before them, so that at no moment a path
    that is used is closed.

    Attributes:
        policy: The NetworkPolicy.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        opened: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("petmesh:istio:NoOtherPaths", name, None, opts)
        self.policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": "default-deny", "namespace": namespace},
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=opened),
        )
        self.register_outputs({})


def _ingress(path: Path) -> kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict:
    rule: kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict = {"ports": _tcp(path)}
    if peers := _peers(path):
        rule["from_"] = peers
    return rule


def _egress(path: Path) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgsDict:
    rule: kubernetes.networking.v1.NetworkPolicyEgressRuleArgsDict = {"ports": _tcp(path)}
    if peers := _peers(path):
        rule["to"] = peers
    return rule


def _peers(path: Path) -> list[kubernetes.networking.v1.NetworkPolicyPeerArgsDict]:
    """The pods or the addresses; none means any."""
    if not path.namespace:
        return [{"ip_block": _block(cidr, path.without)} for cidr in path.addresses]
    peer: kubernetes.networking.v1.NetworkPolicyPeerArgsDict = {
        "namespace_selector": {"match_labels": {NAMESPACE_LABEL: path.namespace}}
    }
    if path.labels:
        peer["pod_selector"] = {"match_labels": path.labels}
    return [peer]


def _block(cidr: str, without: Sequence[str]) -> kubernetes.networking.v1.IPBlockArgsDict:
    block: kubernetes.networking.v1.IPBlockArgsDict = {"cidr": cidr}
    if without:
        block["except_"] = list(without)
    return block


def _tcp(path: Path) -> list[kubernetes.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in path.ports]


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
