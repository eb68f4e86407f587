"""Google Cloud's managed Prometheus: its query API, by the ambient credential."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from petmesh.ramp.prometheus import Prometheus, Queries
from petmesh.ramp.target import TargetError, UsageError

_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
MONITORING = "https://monitoring.googleapis.com"
_REFRESH_SECONDS = 5


def managed_prometheus(
    project: str, queries: Queries | None = None, address: str = MONITORING
) -> Prometheus:
    """The metrics of a project that Google Cloud's managed collection stores.

    The credential is the ambient one: that of `gcloud auth application-default login`, of the file
    in GOOGLE_APPLICATION_CREDENTIALS, or of the machine; it needs the role monitoring.viewer.

    Args:
        project: the project's id; empty for the credential's own.
        queries: what is asked.
        address: of the Monitoring API.

    Raises:
        UsageError: there is no credential, or no project.

    Source:
        https://cloud.google.com/stackdriver/docs/managed-prometheus/query-api-ui
    """
    try:
        # Its types are known by its documentation alone.
        default = cast("Callable[..., Any]", google.auth.default)  # pyright: ignore[reportUnknownMemberType]
        credential, own = default(scopes=[_SCOPE])
    except GoogleAuthError as error:
        raise UsageError(f"--metrics = google: {error}") from error
    project = project or own or ""
    if not project:
        raise UsageError("--google-project: must be given, for the credential names no project")

    # One thread at a time refreshes it. A thread can't be cancelled: the process waits for it.
    refreshing = asyncio.Lock()
    request = partial(Request(), timeout=_REFRESH_SECONDS)

    async def authorization() -> Mapping[str, str]:
        async with refreshing:
            if not credential.valid:
                try:
                    await asyncio.to_thread(credential.refresh, request)
                except GoogleAuthError as error:
                    text = f"the ambient Google credential can't be used: {error.args[0]}"
                    raise TargetError(text) from error
        return {"Authorization": f"Bearer {credential.token}"}

    path = f"{address}/v1/projects/{project}/location/global/prometheus"
    return Prometheus(path, queries=queries, authorization=authorization)
