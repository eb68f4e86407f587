"""The network paths of the observability namespace: what no policy opens is closed."""

from collections.abc import Mapping, Sequence

import pulumi

from istio.network import Path, PodPaths, PodPathsArgs
from observability.place import Place


def labelled(app: str) -> Mapping[str, str]:
    """The label of an application's pods, as its chart sets it."""
    return {"app.kubernetes.io/name": app}


def beside(place: Place, app: str, *ports: int) -> Path:
    """The path to or from an application in the same namespace.

    Args:
        place: Where both are.
        app: Its pods' label `app.kubernetes.io/name`.
        ports: TCP ports of the called pods.
    """
    return Path(ports, place.namespace, labelled(app))


def opened(
    app: str, place: Place, callers: Sequence[Path] = (), called: Sequence[Path] = ()
) -> Place:
    """Open the paths of one application, and give the place where its pods may start.

    Args:
        app: Its pods' label `app.kubernetes.io/name`.
        place: Where they are.
        callers: Who may call it.
        called: Whom it may call, besides DNS.
    """
    paths = PodPaths(
        f"{app}-paths",
        PodPathsArgs(app, place.namespace, labelled(app), callers, called, place.needs),
        pulumi.ResourceOptions(parent=place.parent),
    )
    return place.after(paths.policy)
