"""The services: their images, pods, identities, endpoints, autoscalers and budgets."""

import re
from typing import Any

import pytest

from demo.pets import CATALOG, PETDETAILS
from settings import ROOT
from tests.unit.declared import (
    GIVEN,
    container,
    gke,
    is_after,
    local,
    local_otherwise,
    manifest,
    manifests,
    pod,
    spec,
    with_v3,
)

IMAGE = "docker:index/image:Image"
PORTS = {"petservice": 9080, "petdetailsservice": 9081, "petmedicalhistoryservice": 9082}
DEPLOYMENTS = tuple(
    f"{service.name}-{version}"
    for service in CATALOG
    for version in service.versions[: 2 if service is PETDETAILS else 1]
)


def service_of(deployment: str) -> str:
    return deployment.rpartition("-")[0]


def version_of(deployment: str) -> str:
    return deployment.rpartition("-")[2]


def environment(deployment: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(local(), deployment)["env"]}


# Images


def test_each_version_is_an_image_of_its_own() -> None:
    images = {each.name: each.inputs for each in local().of_type(IMAGE)}
    assert images.keys() == {f"{each}-image" for each in DEPLOYMENTS}
    for deployment in DEPLOYMENTS:
        declared = images[f"{deployment}-image"]
        service, version = service_of(deployment), version_of(deployment)
        assert declared["imageName"] == f"localhost:5001/{service}:{version}"
        assert declared["build"]["dockerfile"] == f"apps/{service}/Dockerfile"
        data = ROOT / "apps" / service / "versions" / f"{version}.json"
        own = {"VERSION_DATA": data.read_text()} if data.exists() else {}
        assert declared["build"]["args"] == {"VERSION": version, **own}


def test_one_versions_data_is_no_part_of_anothers_build_context() -> None:
    ignored = (ROOT / "apps/petdetailsservice/Dockerfile.dockerignore").read_text()
    assert "**" in ignored.splitlines()
    assert "versions" not in ignored


@pytest.mark.parametrize("service", PORTS)
def test_each_image_has_a_dockerfile_that_takes_its_version(service: str) -> None:
    build = local().one(IMAGE, f"{service}-v1-image").inputs["build"]
    dockerfile = (ROOT / build["dockerfile"]).read_text()
    assert (ROOT / build["context"]).is_dir()
    assert build["args"].keys() <= set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))


def test_a_preview_builds_no_image() -> None:
    for image in local().of_type(IMAGE):
        assert image.inputs["buildOnPreview"] is False


def test_an_image_is_pushed_and_deployed_by_its_digest() -> None:
    stack = local()
    for deployment in DEPLOYMENTS:
        image = stack.one(IMAGE, f"{deployment}-image")
        assert image.inputs.get("skipPush") is False
        assert container(stack, deployment)["image"] == image.outputs["repoDigest"]
        assert re.fullmatch(r".+@sha256:[0-9a-f]{64}", container(stack, deployment)["image"])
        assert is_after(stack, manifest(stack, "Deployment", deployment), image)


def test_no_credential_of_a_registry_is_declared() -> None:
    for image in gke().of_type(IMAGE):
        assert "registry" not in image.inputs


def test_the_outputs_tell_every_image() -> None:
    stack = local()
    assert {
        f"{service}-{version}": reference
        for service, versions in stack.outputs["images"].items()
        for version, reference in versions.items()
    } == {each: container(stack, each)["image"] for each in DEPLOYMENTS}


def test_a_given_image_is_deployed_and_neither_built_nor_pushed() -> None:
    stack = local_otherwise()
    assert {each.name for each in stack.of_type(IMAGE)} == {
        f"{each}-image" for each in DEPLOYMENTS if each != "petservice-v1"
    }
    assert container(stack, "petservice-v1")["image"] == GIVEN
    assert stack.outputs["images"]["petservice"] == {"v1": GIVEN}


def test_where_every_image_is_given_no_registry_is_needed() -> None:
    given = ", ".join(f'"{service_of(each)}/{version_of(each)}={GIVEN}"' for each in DEPLOYMENTS)
    stack = local(images=f"[{given}]", imageRegistry="")
    assert not stack.of_type(IMAGE)
    assert {container(stack, each)["image"] for each in DEPLOYMENTS} == {GIVEN}


def test_a_version_that_this_checkout_cannot_build_runs_from_a_given_image() -> None:
    stack = with_v3()
    assert container(stack, "petdetailsservice-v3")["image"] == GIVEN
    assert "petdetailsservice-v3-image" not in {each.name for each in stack.of_type(IMAGE)}
    subsets = spec(stack, "DestinationRule", "petdetailsservice")["subsets"]
    assert [each["name"] for each in subsets] == ["v1", "v2", "v3"]
    assert stack.outputs["weights"] == {"v2": 50, "v3": 50}


# Pods


def test_each_version_that_runs_is_a_deployment() -> None:
    assert manifests(local(), "Deployment").keys() == set(DEPLOYMENTS)
    alone = manifests(local(canaryVersion=""), "Deployment")
    assert alone.keys() == set(DEPLOYMENTS) - {"petdetailsservice-v2"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_are_labelled_with_their_service_and_version(deployment: str) -> None:
    declared = spec(local(), "Deployment", deployment)
    labels = {"app": service_of(deployment), "version": version_of(deployment)}
    assert declared["template"]["metadata"]["labels"] == labels
    assert declared["selector"] == {"matchLabels": labels}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_autoscaler_owns_the_number_of_pods(deployment: str) -> None:
    assert "replicas" not in spec(local(), "Deployment", deployment)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_an_update_takes_no_pod_away_before_its_successor_is_ready(deployment: str) -> None:
    strategy = spec(local(), "Deployment", deployment)["strategy"]
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0
    assert strategy["rollingUpdate"]["maxSurge"] >= 1


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_meet_the_restricted_pod_security_standard(deployment: str) -> None:
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    declared, own = pod(local(), deployment), container(local(), deployment)
    assert declared["securityContext"]["runAsNonRoot"] is True
    assert declared["securityContext"]["runAsUser"] > 0
    assert declared["securityContext"]["runAsGroup"] > 0
    assert declared["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["securityContext"]["allowPrivilegeEscalation"] is False
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert own["securityContext"]["readOnlyRootFilesystem"] is True
    assert not declared.keys() & {"hostNetwork", "hostPID", "hostIPC", "volumes"}
    assert all("hostPort" not in port for port in own["ports"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_ask_for_what_they_need_and_cannot_take_more(deployment: str) -> None:
    resources = container(local(), deployment)["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}
    # A request without a CPU figure would leave the autoscaler without a measure.
    assert resources["requests"]["cpu"] == "100m"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_are_probed_where_the_services_answer(deployment: str) -> None:
    own = container(local(), deployment)
    source = "".join(path.read_text() for path in (ROOT / "apps/httpservice").glob("*.py"))
    for probe, path in (("readinessProbe", "/healthz/ready"), ("livenessProbe", "/healthz/live")):
        assert own[probe]["httpGet"] == {"path": path, "port": "http"}
        assert path in source
        assert own[probe]["timeoutSeconds"] < own[probe]["periodSeconds"]


def shutdown_default(variable: str) -> float:
    source = (ROOT / "apps/httpservice/run.py").read_text()
    [default] = re.findall(rf'"{variable}", ([0-9.]+),', source)
    return float(default)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_pod_that_goes_serves_on_until_its_callers_know_and_ends_what_it_began(
    deployment: str,
) -> None:
    settle = container(local(), deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = shutdown_default("SHUTDOWN_QUIET_SECONDS") + shutdown_default("SHUTDOWN_GRACE_SECONDS")
    assert settle > 0
    assert settle + drain < pod(local(), deployment)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_are_told_their_port_and_version(deployment: str) -> None:
    assert environment(deployment)["PORT"] == str(PORTS[service_of(deployment)])
    assert environment(deployment)["SERVICE_VERSION"] == version_of(deployment)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_are_told_nothing_that_they_do_not_read(deployment: str) -> None:
    read = {
        name
        for folder in ("httpservice", service_of(deployment))
        for path in (ROOT / "apps" / folder).glob("*.py")
        for name in re.findall(r'"([A-Z][A-Z_]+)"', path.read_text())
    }
    assert environment(deployment).keys() <= read


def test_petservice_knows_where_its_services_are() -> None:
    told = environment("petservice-v1")
    assert told["PETDETAILS_URL"] == "http://petdetailsservice:9081"
    assert told["PETMEDICALHISTORY_URL"] == "http://petmedicalhistoryservice:9082"


# Identity, endpoint


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_pods_run_as_their_services_account_without_its_token(deployment: str) -> None:
    declared = pod(local(), deployment)
    assert declared["serviceAccountName"] == service_of(deployment)
    assert declared["automountServiceAccountToken"] is False


@pytest.mark.parametrize("service", PORTS)
def test_no_account_gives_its_token_away(service: str) -> None:
    account = manifest(local(), "ServiceAccount", service).inputs
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("service", "port"), PORTS.items())
def test_a_service_has_one_http_port_that_leads_to_its_pods(service: str, port: int) -> None:
    declared = spec(local(), "Service", service)
    assert declared["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]
    assert declared["selector"] == {"app": service}, "of every version: the route tells them apart"
    for deployment in DEPLOYMENTS:
        if service_of(deployment) == service:
            [own] = container(local(), deployment)["ports"]
            assert own == {"name": "http", "containerPort": port}


# Autoscaler, budget


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_each_version_scales_by_itself_within_configs_bounds(deployment: str) -> None:
    declared = spec(local_otherwise(), "HorizontalPodAutoscaler", deployment)
    assert declared["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment,
    }
    assert (declared["minReplicas"], declared["maxReplicas"]) == (3, 7)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_load_that_scales_is_the_services_own(deployment: str) -> None:
    [metric] = spec(local(), "HorizontalPodAutoscaler", deployment)["metrics"]
    assert metric["type"] == "ContainerResource"
    assert metric["containerResource"]["container"] == container(local(), deployment)["name"]
    assert metric["containerResource"]["name"] == "cpu"
    assert 0 < metric["containerResource"]["target"]["averageUtilization"] < 100


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_drained_node_takes_one_pod_of_a_version_at_a_time(deployment: str) -> None:
    budget: Any = spec(local(), "PodDisruptionBudget", deployment)
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget
    assert budget["selector"] == spec(local(), "Deployment", deployment)["selector"]


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "PodDisruptionBudget"])
def test_what_watches_pods_goes_before_them(kind: str) -> None:
    stack = local()
    for deployment in DEPLOYMENTS:
        watcher = manifest(stack, kind, deployment)
        assert is_after(stack, watcher, manifest(stack, "Deployment", deployment))


def test_every_image_is_built_from_the_same_base_by_digest() -> None:
    files = sorted((ROOT / "apps").glob("*/Dockerfile"))
    bases = {
        re.findall(r"^ARG BASE_IMAGE=(.*)$", file.read_text(), re.MULTILINE)[0] for file in files
    }
    assert len(files) == 3
    assert len(bases) == 1
    assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", bases.pop())
