"""Two services of a shop, each with a version for everybody and one that is tried out.

The ingress leads to the cart, which asks payment. `petmesh ramp` reads the output `releases` and
nothing else.
"""

import pulumi
import pulumi_kubernetes as kubernetes

NAMESPACE = "shop"
VERSIONS = ("blue", "green")


def serve(name: str, labels: dict[str, str]) -> kubernetes.core.v1.Service:
    """Declare a Service for the pods with some labels."""
    return kubernetes.core.v1.Service(
        name,
        metadata={"name": name, "namespace": NAMESPACE},
        spec={"selector": labels, "ports": [{"name": "http", "port": 80}]},
    )


def run(service: str, version: str) -> list[pulumi.Resource]:
    """Declare a version: its Deployment, and a Service of the same name."""
    name, labels = f"{service}-{version}", {"app": service, "version": version}
    deployment = kubernetes.apps.v1.Deployment(
        name,
        metadata={"name": name, "namespace": NAMESPACE},
        spec={
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {
                            "name": service,
                            "image": f"shop/{service}:{version}",
                            "ports": [{"container_port": 80}],
                        }
                    ]
                },
            },
        },
    )
    return [deployment, serve(name, labels)]


def release(service: str, hosts: tuple[str, ...] = ()) -> dict[str, object]:
    """Declare a service's versions and its VirtualService, and return the release as data."""
    wanted = pulumi.Config().require_object(service)
    stable, canary = wanted["stable"], wanted.get("canary", "")
    weight, mirror = int(wanted.get("weight", 0)), int(wanted.get("mirror", 0))
    shares = {stable: 100 - weight, canary: weight} if canary else {stable: 100}
    share: dict[str, object] = {
        "name": "share",
        "route": [
            {"destination": {"host": f"{service}-{version}"}, "weight": percent}
            for version, percent in shares.items()
        ],
    }
    if mirror:
        share["mirror"] = {"host": f"{service}-{canary}"}
        share["mirrorPercentage"] = {"value": mirror}
    versions = [each for version in shares for each in run(service, version)]
    route = kubernetes.apiextensions.CustomResource(
        f"{service}-split",
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata={"name": service, "namespace": NAMESPACE},
        spec={
            "hosts": [service, *hosts],
            "gateways": ["mesh", *(["shop"] if hosts else [])],
            "http": [share],
        },
        opts=pulumi.ResourceOptions(depends_on=[serve(service, {"app": service}), *versions]),
    )
    return {
        "service": service,
        "namespace": NAMESPACE,
        "route": {"urn": route.urn, "kind": "VirtualService", "http": "share"},
        "workloads": {version: f"{service}-{version}" for version in VERSIONS},
        "config": {fact: f"{service}.{fact}" for fact in ("stable", "canary", "weight", "mirror")},
    }


kubernetes.apiextensions.CustomResource(
    "shop-gateway",
    api_version="networking.istio.io/v1",
    kind="Gateway",
    metadata={"name": "shop", "namespace": NAMESPACE},
    spec={
        "selector": {"istio": "ingressgateway"},
        "servers": [
            {
                "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                "hosts": ["shop.example.com"],
            }
        ],
    },
)
pulumi.export(
    "releases", {"cart": release("cart", ("shop.example.com",)), "payment": release("payment")}
)
