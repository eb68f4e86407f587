"""The platform: a new GKE cluster, or a cluster that exists."""

from infra.arguments import GkeArgs
from infra.platform import GkePlatform, Platform, existing_platform
from settings import Settings


def create_platform(settings: Settings) -> Platform:
    """Declare the cluster, or the provider of one that exists."""
    if settings.platform == "existing":
        return existing_platform(
            settings.kube_context, settings.image_registry, settings.istio_platform
        )
    return GkePlatform(
        "platform",
        GkeArgs(
            project=settings.google_project,
            cluster_name=settings.cluster_name,
            location=settings.location,
            region=settings.region,
            deployers=settings.deployers,
            authorized_networks=settings.authorized_networks,
            machine_type=settings.machine_type,
            min_nodes=settings.min_nodes,
            max_nodes=settings.max_nodes,
            deletion_protection=settings.deletion_protection,
            ingress_address=settings.ingress_service_type == "LoadBalancer",
            load_balancer=settings.google_balanced,
        ),
    ).platform
