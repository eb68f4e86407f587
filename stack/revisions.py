"""The istiods of a stack, and the pods that each of them serves."""

from collections.abc import Mapping, Sequence

from istio.charts import Charts
from istio.revisions import Revision, Revisions
from settings import Settings


def revisions_of(settings: Settings) -> Revisions:
    """The istiods that a stack's settings name: the stable one, and maybe a second one."""
    charts = _charts(settings, settings.istio_release)
    by_revision = settings.istio_upgrades == "byRevision"
    canary = settings.istio_canary_version
    return Revisions(
        stable=Revision.named(charts) if by_revision else Revision(charts),
        canary=Revision.named(_charts(settings, canary)) if canary else None,
        moved=settings.istio_canary_namespaces,
    )


def _charts(settings: Settings, version: str) -> Charts:
    return Charts(version, settings.charts_of(version))


def served(
    revisions: Revisions, workloads: Mapping[str, Sequence[str]]
) -> Sequence[Mapping[str, object]]:
    """Each istiod with the workloads that it injects and configures, as the output `mesh` has it.

    Args:
        revisions: The istiods.
        workloads: The names of the workloads of each namespace of the mesh.
    """
    return [
        {
            "istiod": each.istiod,
            "version": each.charts.version,
            "namespaces": {
                namespace: names
                for namespace, names in workloads.items()
                if revisions.of(namespace) is each
            },
        }
        for each in revisions.every
    ]
