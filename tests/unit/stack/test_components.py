"""Components on their own, with the SDK's mocks: what the two kept stacks don't show."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

import pulumi
import pulumi.runtime
import pulumi_kubernetes as kubernetes
import pytest

from apps.arguments import ServiceArgs
from apps.catalog import Service
from apps.entry import Entry
from apps.image import image_reference
from apps.workload import Workload
from infra.arguments import GkeArgs, NodeArgs
from infra.cluster import GkeCluster
from infra.encryption import Encryption
from infra.iam import ClusterAdmins
from infra.kubeconfig import kubeconfig
from infra.network import Network
from infra.registry import ImageRepository
from istio.charts import Charts
from istio.install import IstioMesh, IstioMeshArgs
from istio.network import api_server
from istio.pods import WorkloadPods
from istio.revisions import Revision, Revisions
from istio.routing import Release, release_route
from istio.security import allow_callers

T = TypeVar("T")
NOTHING: Mapping[str, Any] = MappingProxyType({})
USER_INFO = "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo"


class Cloud(pulumi.runtime.Mocks):
    """Answers with a resource's inputs and what is computed for its type; remembers it."""

    def __init__(
        self, computed: Mapping[str, Any] = NOTHING, answers: Mapping[str, Any] = NOTHING
    ) -> None:
        self._computed = computed
        self._answers = answers
        self.resources: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = cast("dict[str, Any]", args.inputs)
        self.resources[f"{args.typ.rpartition(':')[2]} {args.name}"] = inputs
        return f"{args.name}-id", {**inputs, **self._computed.get(args.typ, {})}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:  # noqa: ANN401 (the SDK's type)
        return self._answers[args.token]

    def run(self, build: Callable[[], pulumi.Input[T]], *, preview: bool = False) -> list[T]:
        """Run a program; what its output resolves to, or nothing where it stays unknown."""
        values: list[T] = []
        pulumi.runtime.set_mocks(self, project="petmesh", stack="test", preview=preview)
        pulumi.runtime.set_all_config({"gcp:project": "petmesh-test"})

        @pulumi.runtime.test  # pyright: ignore[reportUnknownMemberType]
        def program() -> pulumi.Output[None]:
            return pulumi.Output.from_input(build()).apply(values.append)

        program()
        return values

    def inputs(self, kind: str, name: str) -> Any:  # noqa: ANN401 (data)
        return self.resources[f"{kind} {name}"]


@pytest.fixture(autouse=True)
def current_event_loop() -> Iterator[None]:
    """The SDK's decorator wants a current loop, which `asyncio.run` in any earlier test takes."""
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        yield


def test_these_mocks_see_what_a_program_declares_and_fail_a_test_in_apply() -> None:
    def refuse(_: str) -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        Cloud().run(lambda: pulumi.Output.from_input("known").apply(refuse))


# Images

DIGEST = f"registry.example.com/pets/petservice@sha256:{'1' * 64}"


def service(name: str) -> ServiceArgs:
    return ServiceArgs(
        service=Service(name, Entry(port=8000, paths=("/",)), ("v1",)),
        namespace="pets",
        running=("v1",),
        subsets=("v1",),
        registry="registry.example.com/pets",
        image_platform="linux/amd64",
        min_replicas=1,
        max_replicas=2,
        needs=(),
        given_images={},
        build_context=lambda: "build/context/apps",
    )


def image(reference: str | None) -> Callable[[], pulumi.Output[str]]:
    given = {("petservice", "v1"): reference} if reference else {}
    args = replace(service("petservice"), given_images=given)
    return lambda: image_reference(args, "v1", pulumi.ResourceOptions())


def test_a_built_image_is_what_was_pushed() -> None:
    cloud = Cloud({"docker:index/image:Image": {"repoDigest": DIGEST}})
    assert cloud.run(image(None)) == [DIGEST]
    pushed = cloud.inputs("Image", "petservice-v1-image")
    assert pushed["imageName"] == "registry.example.com/pets/petservice:v1"


def test_a_given_image_is_only_a_reference() -> None:
    cloud = Cloud()
    assert cloud.run(image("registry.example.com/other:v7")) == ["registry.example.com/other:v7"]
    assert not cloud.resources


def test_a_built_image_is_unknown_in_a_preview() -> None:
    assert Cloud().run(image(None), preview=True) == []


# Identities


@pytest.mark.parametrize(
    ("email", "member"),
    [
        ("alice@example.com", "user:alice@example.com"),
        (
            "ci@petmesh-test.iam.gserviceaccount.com",
            "serviceAccount:ci@petmesh-test.iam.gserviceaccount.com",
        ),
        (
            "123456789012-compute@developer.gserviceaccount.com",
            "serviceAccount:123456789012-compute@developer.gserviceaccount.com",
        ),
    ],
)
def test_the_running_account_is_a_person_or_a_service_account(email: str, member: str) -> None:
    cloud = Cloud(answers={USER_INFO: {"email": email, "id": email}})
    cloud.run(lambda: ClusterAdmins("deployers", "petmesh-test", ()).grants[0].member)
    granted = cloud.inputs("IAMMember", "deployers-running-account")
    assert (granted["role"], granted["member"]) == ("roles/container.admin", member)


def test_named_deployers_stand_in_for_the_running_account() -> None:
    cloud = Cloud()  # it has no answer to who runs the up: that isn't asked
    members = ("group:a@example.com", "user:b@example.com")
    cloud.run(lambda: len(ClusterAdmins("deployers", "petmesh-test", members).grants))
    granted = [each for each in cloud.resources.values() if "role" in each]
    assert {each["member"] for each in granted} == set(members)
    assert len(granted) == 2


# Registry

GKE = GkeArgs(
    project="petmesh-test",
    cluster_name="pets",
    location="europe-west4",
    region="europe-west4",
    deployers=(),
    authorized_networks=(),
    nodes=NodeArgs("e2-standard-4", minimum=1, maximum=3),
    deletion_protection=True,
    ingress_address=False,
    load_balancer=False,
    labels={},
)


def test_images_are_pushed_where_the_registry_says() -> None:
    address = "europe-west4-docker.pkg.dev/petmesh-test/pets"
    cloud = Cloud({"gcp:artifactregistry/repository:Repository": {"registryUri": address}})
    reader = "serviceAccount:nodes@example.com"
    assert cloud.run(lambda: ImageRepository(GKE, reader, Encryption(None)).address) == [address]


# Cluster


def test_a_clusters_kubeconfig_is_secret_and_waits_for_the_cluster() -> None:
    secret: list[bool] = []

    def build() -> pulumi.Output[str]:
        network = Network("network", "pets", "europe-west4")
        config = GkeCluster(GKE, network, "nodes@example.com", Encryption(None)).kubeconfig
        secret_too = pulumi.Output.from_input(config.is_secret())
        return pulumi.Output.all(config, secret_too.apply(secret.append)).apply(
            lambda all_: all_[0]
        )

    assert Cloud().run(build, preview=True) == []
    assert secret == [True]


def test_a_kubeconfig_by_dns_endpoint_needs_no_ca() -> None:
    config = json.loads(kubeconfig("pets", "gke-1.europe-west4.gke.goog", None))
    assert config["clusters"] == [
        {"name": "pets", "cluster": {"server": "https://gke-1.europe-west4.gke.goog"}}
    ]


def test_a_kubeconfig_by_address_holds_the_clusters_ca() -> None:
    config = json.loads(kubeconfig("pets", "203.0.113.10", "Q0E="))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://203.0.113.10",
        "certificate-authority-data": "Q0E=",
    }


# Mesh


def mesh(ingress_service_type: str) -> IstioMesh:
    return IstioMesh(
        "istio",
        IstioMeshArgs(
            revisions=Revisions(Revision(Charts("1.31.1", "oci://charts.example.com"))),
            platform="",
            ingress_service_type=ingress_service_type,
            ingress_address=None,
            ingress_https=False,
            ingress_connections=100,
            ingress_proxies=0,
            min_replicas=1,
            max_replicas=2,
            proxies=["pets"],
            api_server=api_server(["10.0.0.0/8"]),
            ingress_called=[],
        ),
    )


@pytest.mark.parametrize(
    ("points", "address"),
    [
        ([{"ip": "203.0.113.9"}], "203.0.113.9"),
        ([{"hostname": "lb.example.com"}], "lb.example.com"),
        ([{"ip": "203.0.113.9"}, {"ip": "203.0.113.10"}], "203.0.113.9"),
        ([], ""),
    ],
)
def test_the_ingress_address_is_that_of_the_load_balancer_once_it_has_one(
    points: list[dict[str, str]], address: str
) -> None:
    status = {"status": {"loadBalancer": {"ingress": points}}}
    cloud = Cloud({"kubernetes:core/v1:Service": status})
    assert cloud.run(lambda: mesh("LoadBalancer").ingress_address) == [address]


def test_a_release_shares_the_requests_between_its_versions() -> None:
    cloud = Cloud()
    release = Release("details", "pets", "v4", "v5", canary_weight=10)
    cloud.run(lambda: release_route(release, pulumi.ResourceOptions()).urn)
    [_, weighted] = cloud.inputs("VirtualService", "details-route")["spec"]["http"]
    shares = {each["destination"]["subset"]: each["weight"] for each in weighted["route"]}
    assert shares == release.weights == {"v4": 90, "v5": 10}


def test_every_caller_of_a_service_is_in_its_policy() -> None:
    cloud = Cloud()
    details = WorkloadPods("pets", "details", {"app": "details"})
    callers = [WorkloadPods("pets", "front", {}), WorkloadPods("jobs", "nightly", {})]
    opts = pulumi.ResourceOptions()
    cloud.run(lambda: allow_callers("details", details, callers, {"methods": ["GET"]}, opts).urn)
    [rule] = cloud.inputs("AuthorizationPolicy", "pets-details-callers")["spec"]["rules"]
    assert rule["from"] == [
        {
            "source": {
                "principals": ["cluster.local/ns/pets/sa/front", "cluster.local/ns/jobs/sa/nightly"]
            }
        }
    ]


def test_a_workload_waits_for_what_it_needs_and_is_told_its_environment() -> None:
    cloud = Cloud()

    def build() -> pulumi.Output[str]:
        account = kubernetes.core.v1.ServiceAccount("account", metadata={"name": "details"})
        image = account.id.apply(lambda id_: f"registry.example.com/{id_}")
        args = replace(service("details"), environment={"COLOUR": "red"})
        return Workload(args, "v4", image, [account]).deployment.urn

    cloud.run(build)
    [own] = cloud.inputs("Deployment", "details-v4-deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    assert own["image"] == "registry.example.com/account-id"
    assert {each["name"]: each["value"] for each in own["env"]} == {
        "PORT": "8000",
        "SERVICE_VERSION": "v4",
        "COLOUR": "red",
    }
