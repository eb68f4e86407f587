"""Two services of a shop, each with a version for everybody and one that is tried out.

`petmesh ramp` reads the output `releases` and nothing else.
"""

import pulumi
import pulumi_kubernetes as kubernetes

NAMESPACE = "shop"
VERSIONS = ("blue", "green")


def run(service: str, version: str) -> kubernetes.apps.v1.Deployment:
    """Declare the Deployment of a version."""
    name, labels = f"{service}-{version}", {"app": service, "version": version}
    return kubernetes.apps.v1.Deployment(
        name,
        metadata={"name": name, "namespace": NAMESPACE},
        spec={
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": service, "image": f"shop/{service}:{version}"}]},
            },
        },
    )


def release(service: str) -> dict[str, object]:
    """Declare a service's versions and its VirtualService, and return the release as data."""
    wanted = pulumi.Config().require_object(service)
    stable, canary = wanted["stable"], wanted.get("canary", "")
    weight, mirror = int(wanted.get("weight", 0)), int(wanted.get("mirror", 0))
    shares = {stable: 100 - weight, canary: weight} if canary else {stable: 100}
    share: dict[str, object] = {
        "name": "share",
        "route": [
            {"destination": {"host": service, "subset": version}, "weight": percent}
            for version, percent in shares.items()
        ],
    }
    if mirror:
        share["mirror"] = {"host": service, "subset": canary}
        share["mirrorPercentage"] = {"value": mirror}
    route = kubernetes.apiextensions.CustomResource(
        f"{service}-split",
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata={"name": service, "namespace": NAMESPACE},
        spec={"hosts": [service], "http": [share]},
        opts=pulumi.ResourceOptions(depends_on=[run(service, version) for version in shares]),
    )
    return {
        "service": service,
        "namespace": NAMESPACE,
        "route": {"urn": route.urn, "kind": "VirtualService", "http": "share"},
        "workloads": {version: f"{service}-{version}" for version in VERSIONS},
        "config": {fact: f"{service}.{fact}" for fact in ("stable", "canary", "weight", "mirror")},
    }


pulumi.export("releases", {service: release(service) for service in ("cart", "payment")})
