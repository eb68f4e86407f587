"""One stack of petmesh: a cluster, the mesh, three services, and who gets which requests."""

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, VERSIONS
from settings import load
from stack.egress import allow_egress
from stack.ending import end_without_traceback, report_errors
from stack.ingress import publish
from stack.mesh import install_mesh
from stack.platform import create_platform
from stack.protection import DeletionProtection, declared_from_here_on
from stack.routes import route_versions
from stack.services import deploy_services
from stack.telemetry import telemetry

end_without_traceback()
everything = declared_from_here_on()
with report_errors():
    settings = load(VERSIONS)
    platform = create_platform(settings)
in_cluster = pulumi.ResourceOptions(provider=platform.provider)
peers = telemetry(settings)

mesh = install_mesh(settings, platform, peers, in_cluster)
services = deploy_services(settings, platform, mesh, peers, in_cluster)
weights = route_versions(settings, services, in_cluster)
ingress = publish(settings, mesh, services, in_cluster)
allow_egress(settings, mesh, services, in_cluster)
if settings.platform == "gke":
    DeletionProtection(everything, protect=settings.deletion_protection)

pulumi.export("url", ingress.url)
pulumi.export("ingressAddress", ingress.address)
pulumi.export("dnsRecords", ingress.dns_records)
pulumi.export("portForward", mesh.istio.port_forward)
pulumi.export("clusterName", platform.cluster_name)
pulumi.export("kubeconfig", platform.kubeconfig)
pulumi.export(
    "images",
    {
        PETSERVICE.name: services.petservice.images,
        PETDETAILS.name: services.details.images,
        PETMEDICALHISTORY.name: services.history.images,
    },
)
pulumi.export("weights", weights)
pulumi.export("observability", mesh.observability.port_forwards)
