"""One stack of petmesh: a cluster, the mesh, its services, and who gets which requests.

A platform's stack ends with the mesh; an application's begins with its services, on a platform's.
"""

from collections.abc import Sequence

import pulumi

from apps.catalog import read_catalog
from settings import load
from stack.egress import allow_egress
from stack.ending import end_without_traceback, report_errors
from stack.ingress import ingress_of, open_ingress, public_hosts, publish
from stack.mesh import install_mesh
from stack.platform import create_platform
from stack.policies import protect_services
from stack.protection import DeletionProtection, declared_from_here_on
from stack.revisions import revisions_of, served
from stack.routes import releases, route_services
from stack.services import deploy_services
from stack.teams import for_applications, grant_teams
from stack.telemetry import telemetry

end_without_traceback()
everything = declared_from_here_on()
with report_errors():
    catalog = read_catalog()
    settings = load(catalog.versions, catalog.without_release)
    stack = settings.platform_stack
    reference = pulumi.StackReference("platform", stack) if stack else None
    platform = create_platform(settings, reference)

peers = telemetry(settings)
policies = None
workloads: dict[str, Sequence[str]] = {}
if reference:
    ingress = ingress_of(reference)
else:
    mesh = install_mesh(settings, catalog, platform, peers)
    policies = protect_services(settings, catalog, platform, mesh, peers)
    ingress = open_ingress(settings, catalog, platform, mesh, policies)
    allow_egress(settings, catalog, platform, mesh, policies)
    grant_teams(settings, platform, mesh)
    workloads |= mesh.gateways
    pulumi.export("dnsRecords", ingress.dns_records)
    pulumi.export("observability", mesh.observability.port_forwards)

if settings.owner == "platform":
    pulumi.export("platform", for_applications(settings))
    pulumi.export("imageRegistry", platform.image_registry)
else:
    services = deploy_services(settings, catalog, platform, policies, peers)
    routes = route_services(settings, catalog, platform, services)
    public = publish(settings, catalog, platform, ingress, routes)
    routed = releases(settings, catalog, routes, public)
    workloads[settings.namespace] = services.workloads
    pulumi.export("url", public_hosts(settings).url)
    pulumi.export("images", services.images)
    pulumi.export("weights", routed[settings.canary_service].weights)
    pulumi.export("releases", {name: each.exported for name, each in routed.items()})
    pulumi.export("releaseGroups", settings.release_groups)

if settings.on_gke:
    DeletionProtection(everything, protect=settings.deletion_protection)
pulumi.export("ingressAddress", ingress.address)
pulumi.export("portForward", ingress.port_forward)
pulumi.export("clusterName", platform.cluster_name)
pulumi.export("kubeconfig", platform.kubeconfig)
pulumi.export("mesh", served(revisions_of(settings), workloads))
