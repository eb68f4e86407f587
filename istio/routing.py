"""VirtualServices of the services: by weight between the stable version and the canary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.destinations import cluster_host
from istio.users import ANY_PLACE, IN_THE_MESH, PlaceSource, places_below

TESTER_HEADER = "x-canary"
TESTER_COOKIE = "canary"
TESTER_VALUE = "always"
WEIGHTED = "weighted"

# Of requests that are safe to retry, such as GET. Two retries of half a second fit into the
# timeout: a caller waits 1.5 s at the most, less than its own deadline.
CALLER_DEADLINE_SECONDS = "2"
TIMEOUT = "1.5s"
RETRIES = {"attempts": 2, "perTryTimeout": "0.5s", "retryOn": "5xx"}
# A request that may have changed something is retried only where it reached no pod.
UNSAFE_RETRIES = {"attempts": 2, "retryOn": "connect-failure,refused-stream"}


@dataclass(frozen=True)
class Release:
    """Which versions of a service get its requests.

    Attributes:
        service: The service's name.
        namespace: Its namespace.
        stable: The version that gets the requests that the canary doesn't.
        canary: The version that is tried out; empty for none.
        canary_weight: The canary's percent of the requests, 0 to 100.
        canary_mirror_percent: The percent of the requests that are mirrored to the canary, 0 to
            100. Nobody waits for its responses. The testers' requests aren't mirrored: the canary
            gets them anyway.
        is_safe: Whether every request that its callers may send can be retried.
        keeps_users: Whether users keep their side of the canary (`istio/users.py`).
    """

    service: str
    namespace: str
    stable: str
    canary: str = ""
    canary_weight: int = 0
    canary_mirror_percent: int = 0
    is_safe: bool = True
    keeps_users: bool = False

    @property
    def host(self) -> str:
        """The service's name in the whole cluster."""
        return cluster_host(self.service, self.namespace)

    @property
    def weights(self) -> Mapping[str, int]:
        """Each version's percent of the requests."""
        if not self.canary:
            return {self.stable: 100}
        return {self.stable: 100 - self.canary_weight, self.canary: self.canary_weight}


def release_route(release: Release, opts: pulumi.ResourceOptions) -> CustomResource:
    """Return a service's VirtualService, the one resource that a change of weight changes.

    Args:
        release: The versions and their weights.
        opts: The route's options; it is created after the subsets and the pods in them.
    """
    policy = {"timeout": TIMEOUT, "retries": RETRIES if release.is_safe else UNSAFE_RETRIES}
    sources = IN_THE_MESH if release.keeps_users and release.canary else ()
    return CustomResource(
        f"{release.service}-route",
        api_version=NETWORKING,
        kind="VirtualService",
        metadata={"name": release.service, "namespace": release.namespace},
        spec={
            "hosts": [release.host],
            "http": weighted_routes(release, {}, policy, sources),
        },
        opts=opts,
    )


def weighted_routes(
    release: Release,
    match: Mapping[str, object],
    policy: Mapping[str, object],
    sources: Sequence[PlaceSource] = (),
) -> Sequence[Mapping[str, object]]:
    """Return the HTTP routes to a release's versions: of testers to the canary, then by weight.

    Requests with the header `x-canary: always` or the cookie `canary=always` go to the canary
    whatever its weight. Those of a user go by the user's place, any other request by chance.

    Args:
        release: The versions and their weights.
        match: What every request has to match; empty for all requests.
        policy: The fields of every route: timeout, retries, headers.
        sources: Where requests have their users' places; empty where users don't keep their side.
    """
    routes: list[Mapping[str, object]] = []
    if release.canary:
        testers = [{**match, "headers": headers} for headers in _tester_headers()]
        routes.append(
            {"name": "testers", "match": testers, "route": _all(release, release.canary), **policy}
        )
    mirrored: dict[str, object] = {}
    if release.canary_mirror_percent:
        mirrored["mirror"] = _subset(release, release.canary)
        mirrored["mirrorPercentage"] = {"value": release.canary_mirror_percent}
    for source in sources:
        routes += _user_routes(release, match, {**policy, **mirrored}, source)
    weighted = {
        "name": WEIGHTED,
        **({"match": [match]} if match else {}),
        "route": [
            {"destination": _subset(release, version), "weight": weight}
            for version, weight in release.weights.items()
        ],
        **policy,
        **mirrored,
    }
    return [*routes, weighted]


def _user_routes(
    release: Release,
    match: Mapping[str, object],
    policy: Mapping[str, object],
    source: PlaceSource,
) -> Sequence[Mapping[str, object]]:
    """The routes of users by their places: the lowest ones to the canary, all others to stable."""
    sides = {
        "canary": (release.canary, places_below(release.canary_weight)),
        "stable": (release.stable, ANY_PLACE),
    }
    return [
        {
            "name": f"{source.name}-{side}",
            "match": [{**match, "headers": headers}],
            "route": _all(release, version),
            **policy,
            **source.policy,
        }
        for side, (version, places) in sides.items()
        if places and (headers := source.match(places))
    ]


def _all(release: Release, version: str) -> Sequence[Mapping[str, object]]:
    return [{"destination": _subset(release, version), "weight": 100}]


def _tester_headers() -> Sequence[Mapping[str, object]]:
    # A header that comes twice is one with a list of values.
    # https://www.rfc-editor.org/rfc/rfc9110#section-5.2
    header = rf"^(.*,\s*)?{TESTER_VALUE}(\s*,.*)?$"
    cookie = rf"^(.*;\s*)?{TESTER_COOKIE}={TESTER_VALUE}(;.*)?$"
    return {TESTER_HEADER: {"regex": header}}, {"cookie": {"regex": cookie}}


def _subset(release: Release, version: str) -> Mapping[str, object]:
    return {"host": release.host, "subset": version}
