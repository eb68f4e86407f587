"""The rights of the applications' teams, and what a platform's stack tells their stacks."""

from collections.abc import Mapping

from infra.platform import Platform
from istio.team import TeamRights
from settings import Settings, followed
from stack.mesh import InstalledMesh


def grant_teams(settings: Settings, platform: Platform, mesh: InstalledMesh) -> None:
    """Declare the rights of each application's team in its namespace."""
    for namespace, application in settings.applications.items():
        if application.team:
            TeamRights(
                namespace, application.team, mesh.namespaces[namespace].ready, platform.after()
            )


def for_applications(settings: Settings) -> Mapping[str, object]:
    """The output `platform` of a platform's stack, as `settings/platform_stack.py` reads it."""
    return {
        "config": followed(settings),
        "applications": {name: [*hosts] for name, hosts in settings.hosts.items()},
    }
