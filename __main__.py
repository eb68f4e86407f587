"""One stack of petmesh: a cluster, the mesh, three services, and who gets which requests."""

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, VERSIONS
from settings import load
from stack.ending import end_without_traceback, told_once
from stack.mesh import install_mesh
from stack.outside import open_outside
from stack.platform import make_platform
from stack.protection import DeletionProtection, declared_from_here_on
from stack.public import publish
from stack.routes import route_versions
from stack.services import deploy_services
from stack.watchers import watchers

end_without_traceback()
everything = declared_from_here_on()
with told_once():
    settings = load(VERSIONS)
    platform = make_platform(settings)
in_cluster = pulumi.ResourceOptions(provider=platform.provider)
watching = watchers(settings)

mesh = install_mesh(settings, platform, watching, in_cluster)
services = deploy_services(settings, platform, mesh, watching, in_cluster)
canary = route_versions(settings, services, in_cluster)
public = publish(settings, mesh, services, in_cluster)
open_outside(settings, mesh, services, in_cluster)
if settings.platform == "gke":
    DeletionProtection(everything, protect=settings.deletion_protection)

pulumi.export("url", public.url)
pulumi.export("ingressAddress", public.address)
pulumi.export("dnsRecords", public.dns_records)
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
pulumi.export("weights", canary.weights)
pulumi.export("observability", mesh.observability.port_forwards)
