"""What the resources that no stack has are made of."""

from collections.abc import Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import closed, istio, resource

Refused = dict[str, tuple[str, list[Resource], str]]
LetThrough = dict[str, tuple[str, list[Resource]]]

HEX = "0" * 64

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}

AMBIENT = {"istio.io/dataplane-mode": "ambient"}

STRICT = istio("PeerAuthentication", "security", mtls={"mode": "STRICT"})

PRIVATE = {"enablePrivateEndpoint": False, "enablePrivateNodes": True}

OFFICE = {"cidrBlocks": [{"cidrBlock": "203.0.113.0/24"}, {"cidrBlock": "10.0.0.0/8"}]}

OWN = {"serviceAccount": "nodes@pets.iam.gserviceaccount.com"}


def cluster(**fields: Any) -> Resource:  # noqa: ANN401 (data)
    """A cluster that nobody outside of its network reaches, with some fields given."""
    private = {"enablePrivateEndpoint": True, "enablePrivateNodes": True}
    hardened = {
        "datapathProvider": "ADVANCED_DATAPATH",
        "workloadIdentityConfig": {"workloadPool": "pets.svc.id.goog"},
    }
    given = {"privateClusterConfig": private} | hardened | fields
    return resource("gcp:container/cluster:Cluster", "made", **given)


def built(instructions: str = "", **fields: Any) -> Resource:  # noqa: ANN401 (data)
    """An image from a Dockerfile in the program, with some instructions or fields."""
    inline = f"FROM busybox@sha256:{HEX}\n{instructions}\n"
    given: dict[str, Any] = {"dockerfile": {"inline": inline}, **fields}
    return resource("docker-build:index:Image", "made", **given)


def open_namespace(labels: Mapping[str, str]) -> list[Resource]:
    """The namespace pets with some labels, its networks closed."""
    metadata = {"name": "pets", "labels": {**RESTRICTED, **labels}}
    return [resource("kubernetes:core/v1:Namespace", metadata=metadata), closed("pets")]


def mesh_namespace(labels: Mapping[str, str]) -> list[Resource]:
    """The namespace pets with some labels, its networks closed and nobody allowed in."""
    return [*open_namespace(labels), istio("AuthorizationPolicy", "security")]


def of_whole_mesh(kind: str, **spec: Any) -> Resource:  # noqa: ANN401 (data)
    """An object of Istio's security that is for every namespace."""
    return resource(
        f"kubernetes:security.istio.io/v1:{kind}",
        metadata={"name": "default", "namespace": "istio-system"},
        spec=spec,
    )


def at_ingress(**rule: Any) -> Resource:  # noqa: ANN401 (data)
    """An AuthorizationPolicy of the ingress gateway, with one rule."""
    return resource(
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        metadata={"name": "tried", "namespace": "istio-ingress"},
        spec={"rules": [rule]},
    )


GET = [{"operation": {"methods": ["GET"]}}]

ANY_TOKEN = [{"source": {"requestPrincipals": ["*"]}}]

RULE_WITH_SUBSETS = istio(
    "DestinationRule",
    "networking",
    host="a.pets.svc.cluster.local",
    subsets=[{"name": "v1"}, {"name": "v2"}],
)
