"""A small stack with the project's own route, rendered to files instead of applied to a cluster."""

import os
import time

import pulumi
import pulumi_kubernetes as kubernetes

from istio.routing import WEIGHTED, Release, release_route

time.sleep(float(os.environ.get("PROGRAM_SECONDS", "0")))
config = pulumi.Config("petmesh")
stable, canary = config.require("stableVersion"), config.get("canaryVersion") or ""
keep, previous = config.get("keepPrevious") or "", config.get("previousVersion") or ""
provider = kubernetes.Provider("files", render_yaml_to_directory=config.require("folder"))
opts = pulumi.ResourceOptions(provider=provider)
labels = {"app": "petdetailsservice"}
workloads = [
    kubernetes.apps.v1.Deployment(
        f"petdetailsservice-{version}-deployment",
        metadata={
            "name": f"petdetailsservice-{version}",
            "namespace": "pets",
            "annotations": {"extra": config.get("extra") or ""},
        },
        spec={
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": version}]},
            },
        },
        opts=opts,
    )
    for version in dict.fromkeys(filter(None, (stable, canary, previous)))
]
if config.get("extra") == "broken":
    raise ValueError("extra = broken: the program raises")
release = Release(
    "petdetailsservice",
    "pets",
    stable=stable,
    canary=canary,
    canary_weight=config.require_int("canaryWeight"),
    canary_mirror_percent=config.get_int("canaryMirrorPercent") or 0,
)
route = release_route(release, pulumi.ResourceOptions(provider=provider, depends_on=[*workloads]))
pulumi.export("weights", route.id.apply(lambda _: release.weights))
pulumi.export(
    "releases",
    {
        "petdetailsservice": {
            "service": "petdetailsservice",
            "namespace": "pets",
            "route": {"urn": route.urn, "kind": "VirtualService", "http": WEIGHTED},
            "workloads": {version: f"petdetailsservice-{version}" for version in ("v1", "v2")},
            "stable": stable,
            "canary": canary,
            "keepPrevious": keep,
            "previous": previous,
            "previousUntil": config.get("previousUntil") or "",
            "config": {
                "stable": "stableVersion",
                "canary": "canaryVersion",
                "weight": "canaryWeight",
                "mirror": "canaryMirrorPercent",
                "previous": "previousVersion",
                "previousUntil": "previousUntil",
            },
        }
    },
)
