"""The platform: a new GKE cluster, a cluster that exists, or that of another stack."""

import pulumi

from infra.adopted import AdoptedArgs, adopted_platform
from infra.arguments import GkeArgs, NodeArgs
from infra.platform import GkePlatform, Platform, existing_platform, referenced_platform
from observability.charts import COLLECTOR, GRAFANA, JAEGER, KIALI, KUBE_PROMETHEUS_STACK
from settings import Settings
from stack.labels import resource_labels


def create_platform(settings: Settings, reference: pulumi.StackReference | None) -> Platform:
    """Declare the cluster, or the provider of one that exists.

    Args:
        settings: The stack's settings.
        reference: The platform's stack, where this one is an application's.
    """
    if settings.platform == "existing":
        return existing_platform(
            settings.kube_context,
            settings.image_registry,
            settings.istio_platform,
            settings.istio_releases,
        )
    if reference:
        return referenced_platform(
            reference.require_output("clusterName"),
            reference.require_output("kubeconfig"),
            reference.require_output("imageRegistry"),
        )
    if settings.platform == "existingGke":
        return adopted_platform(
            AdoptedArgs(
                project=settings.google_project,
                name=settings.cluster_name,
                location=settings.location,
                image_registry=settings.image_registry,
                istio=settings.istio_releases,
            )
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
            nodes=NodeArgs(
                machine_type=settings.machine_type,
                minimum=settings.min_nodes,
                maximum=settings.max_nodes,
                spot=settings.spot_nodes,
                confidential=settings.confidential_nodes,
                blue_green=settings.node_upgrades == "blueGreen",
            ),
            deletion_protection=settings.deletion_protection,
            ingress_address=settings.ingress_service_type == "LoadBalancer",
            load_balancer=settings.google_balanced,
            labels=resource_labels(settings),
            kubernetes_version=settings.kubernetes_version,
            maintenance_exclusions=settings.exclusion_dates,
            rbac_group=settings.rbac_group,
            admitted_images=_admitted(settings) if settings.binary_authorization else None,
            attestors=settings.attestors,
            encryption_key=settings.encryption_key,
            upgrade_notifications=settings.upgrade_notifications,
            backup_schedule=settings.backup_schedule,
            backup_retention_days=settings.backup_retention_days,
            secret_manager=settings.secret_manager,
            vertical_pod_autoscaling=settings.vertical_pod_autoscaling,
            users=settings.team,
        ),
    ).platform


def _admitted(settings: Settings) -> list[str]:
    """Patterns of the images that the stack runs besides its own, Istio's and Google's."""
    installed = {
        KUBE_PROMETHEUS_STACK: settings.metrics == "prometheus",
        GRAFANA: settings.grafana,
        KIALI: settings.kiali,
        COLLECTOR: settings.tracing == "jaeger",
        JAEGER: settings.tracing == "jaeger",
    }
    of_charts = [
        pattern for chart, is_there in installed.items() if is_there for pattern in chart.images
    ]
    return [*settings.given_images.values(), *of_charts, *settings.admitted_images]
