"""The VPC-native network: one subnet with named ranges for pods and services, and Cloud NAT."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

NODES = "10.0.0.0/20"
PODS = ("pods", "10.4.0.0/14")
SERVICES = ("services", "10.8.0.0/20")


class Network(pulumi.ComponentResource):
    """A VPC whose only way out is Cloud NAT and whose only ways in are its firewall rules.

    Attributes:
        network_id: The VPC's self link.
        subnet_id: The subnet's self link.
        ready: Cloud NAT, which nodes are created after: through it they pull images.
    """

    def __init__(
        self, name: str, network_name: str, region: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the network.

        Args:
            name: The component's name.
            network_name: The VPC's name; the subnet, router and gateway are named after it.
            region: The region of the subnet and of Cloud NAT.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        vpc = gcp.compute.Network(
            f"{name}-vpc", name=network_name, auto_create_subnetworks=False, opts=child
        )
        subnet = gcp.compute.Subnetwork(
            f"{name}-subnet",
            name=network_name,
            network=vpc.id,
            region=region,
            ip_cidr_range=NODES,
            private_ip_google_access=True,
            secondary_ip_ranges=[
                {"range_name": range_name, "ip_cidr_range": cidr}
                for range_name, cidr in (PODS, SERVICES)
            ],
            log_config={"aggregation_interval": "INTERVAL_10_MIN", "flow_sampling": 0.1},
            opts=child,
        )
        router = gcp.compute.Router(
            f"{name}-router",
            name=network_name,
            network=vpc.id,
            region=region,
            opts=child,
        )
        nat = gcp.compute.RouterNat(
            f"{name}-nat",
            name=network_name,
            router=router.name,
            region=region,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[
                {"name": subnet.id, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]},
            ],
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=child,
        )
        self.network_id = vpc.id
        self.subnet_id = subnet.id
        self.ready = nat
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})
