"""Hosts outside of the mesh that services call, through the egress gateway or not."""

import re

import pulumi

from apps.arguments import pods
from apps.catalog import Catalog
from infra.platform import Platform
from istio.egress import ExternalHost, ExternalHostArgs, outside_routes
from istio.egress_gateway import EGRESS_NAMESPACE, EgressRoute, EgressRouteArgs
from istio.security import allow_nothing
from settings import Settings
from stack.mesh import InstalledMesh
from stack.policies import Policies


def allow_egress(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    mesh: InstalledMesh,
    policies: Policies,
) -> None:
    """Declare the open outside hosts, and have the egress gateway refuse any other request."""
    allowed: list[pulumi.Resource] = [mesh.egress.ready] if mesh.egress else []
    in_mesh = [each for namespace in mesh.namespaces.values() for each in namespace.ready]
    for key, outside in settings.outside.items():
        callers = catalog.calling_outside(key)
        if not outside.is_open or not callers:
            continue
        # dogApi is dog-api.
        name = re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", key)
        ready = [*in_mesh]
        routes = outside_routes(outside.host)
        if mesh.egress:
            calling = [(namespace, each) for namespace in mesh.namespaces for each in callers]
            traffic = [policies.by_service[place, each.name].traffic for place, each in calling]
            route = EgressRoute(
                f"{name}-egress",
                EgressRouteArgs(
                    host=outside.host,
                    namespaces=[*mesh.namespaces],
                    callers=[pods(each, namespace) for namespace, each in calling],
                    methods=["GET"],
                    needs=[*ready, *traffic, mesh.egress.ready],
                ),
                platform.after(),
            )
            allowed.append(route.policy)
            ready.extend(route.ready)
            routes = route.routes
        for namespace in mesh.namespaces:
            ExternalHost(
                name, ExternalHostArgs(outside.host, namespace, ready, routes), platform.after()
            )
    if mesh.egress:
        allow_nothing(EGRESS_NAMESPACE, platform.after(*allowed))
