"""VirtualServices of the services: by weight between the stable version and the canary."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.destinations import cluster_host

TESTER_HEADER = "x-canary"
TESTER_COOKIE = "canary"
TESTER_VALUE = "always"
WEIGHTED = "weighted"

# The callers only ever GET, so that a retry is safe. Two retries of half a second fit into the
# timeout: a caller waits 1.5 s at the most, less than its own deadline.
CALLER_DEADLINE_SECONDS = "2"
TIMEOUT = "1.5s"
RETRIES = {"attempts": 2, "perTryTimeout": "0.5s", "retryOn": "5xx"}


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
    """

    service: str
    namespace: str
    stable: str
    canary: str = ""
    canary_weight: int = 0
    canary_mirror_percent: int = 0

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

    Requests with the header `x-canary: always` or the cookie `canary=always` go to the canary
    whatever its weight.

    Args:
        release: The versions and their weights.
        opts: The route's options; it is created after the subsets and the pods in them.
    """
    return CustomResource(
        f"{release.service}-route",
        api_version=NETWORKING,
        kind="VirtualService",
        metadata={"name": release.service, "namespace": release.namespace},
        spec={
            "hosts": [release.host],
            "http": [
                *([_testers(release)] if release.canary else []),
                {
                    "name": WEIGHTED,
                    "route": [
                        {"destination": _subset(release, version), "weight": weight}
                        for version, weight in release.weights.items()
                    ],
                    "timeout": TIMEOUT,
                    "retries": RETRIES,
                    **(_mirror(release) if release.canary_mirror_percent else {}),
                },
            ],
        },
        opts=opts,
    )


def _testers(release: Release) -> Mapping[str, object]:
    # A header that comes twice is one with a list of values.
    # https://www.rfc-editor.org/rfc/rfc9110#section-5.2
    header = rf"^(.*,\s*)?{TESTER_VALUE}(\s*,.*)?$"
    cookie = rf"^(.*;\s*)?{TESTER_COOKIE}={TESTER_VALUE}(;.*)?$"
    return {
        "name": "testers",
        "match": [
            {"headers": {TESTER_HEADER: {"regex": header}}},
            {"headers": {"cookie": {"regex": cookie}}},
        ],
        "route": [{"destination": _subset(release, release.canary), "weight": 100}],
        "timeout": TIMEOUT,
        "retries": RETRIES,
    }


def _mirror(release: Release) -> Mapping[str, object]:
    return {
        "mirror": _subset(release, release.canary),
        "mirrorPercentage": {"value": release.canary_mirror_percent},
    }


def _subset(release: Release, version: str) -> Mapping[str, object]:
    return {"host": release.host, "subset": version}
