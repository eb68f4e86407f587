"""A sidecar's configuration: the hosts that its Sidecar names."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.callers import sidecar
from petmesh.envoy.clusters import Served, inbound_cluster, outbound_clusters
from petmesh.envoy.proxy import sidecar_files
from petmesh.envoy.routes import outbound_routes
from petmesh.envoy.sidecar_scope import exported_to, visible_to
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh
from tests.unit.mesh.meshes import DETAILS, DOG_API, PETS, PODS, TOPOLOGY, changed, mesh

HISTORY = "petmedicalhistoryservice.pets.svc.cluster.local"
FRONT, BACK = PODS[0], PODS[1]


def hosts(of: Mesh) -> set[str]:
    known = {of.service_host(service) for service in of.services}
    return known | {host for entry in of.service_entries for host in entry.spec.hosts}


def hosts_seen(of: Mesh, app: str, namespace: str = "pets") -> set[str]:
    return hosts(visible_to(of, namespace, {"app": app, "version": "v1"}))


def seen(kind_name: str, *patterns: str, app: str = "petservice") -> set[str]:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["egress"] = [{"hosts": list(patterns)}]

    return hosts_seen(changed("Sidecar", kind_name, change, dogApiEnabled="true"), app)


def test_each_service_sees_what_it_calls() -> None:
    of = mesh(dogApiEnabled="true")
    assert hosts_seen(of, "petservice") == {PETS, DETAILS, HISTORY, DOG_API}
    assert hosts_seen(of, "petdetailsservice") == {DETAILS}
    assert hosts_seen(of, "petmedicalhistoryservice") == {HISTORY}


def test_a_pod_without_its_own_has_its_namespaces() -> None:
    of = mesh(dogApiEnabled="true")
    assert hosts_seen(of, "other") == {PETS, DETAILS, HISTORY, DOG_API}


@pytest.mark.parametrize(
    ("export_to", "seers"),
    [
        (["."], {"pets"}),
        (["istio-ingress"], {"istio-ingress"}),
        ([".", "istio-ingress"], {"pets", "istio-ingress"}),
        (["*"], {"pets", "istio-ingress", "elsewhere"}),
        ([], {"pets", "istio-ingress", "elsewhere"}),
    ],
)
def test_what_is_exported_to_others_is_not_seen(export_to: list[str], seers: set[str]) -> None:
    def export(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["exportTo"] = export_to

    of = changed("ServiceEntry", "dog-api", export, dogApiEnabled="true")
    everywhere = ("pets", "istio-ingress", "elsewhere")
    assert {each for each in everywhere if DOG_API in hosts(exported_to(of, each))} == seers


def test_a_namespaces_own_objects_come_before_those_of_everybody() -> None:
    def export(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["exportTo"] = ["."]

    def first(seer: Mesh) -> str:
        return exported_to(seer, "pets").virtual_services[0].metadata.name

    *_, last = (each.metadata.name for each in mesh().virtual_services)
    assert first(mesh()) != last
    assert first(changed("VirtualService", last, export)) == last


def test_nobody_sees_what_is_exported_to_none() -> None:
    def hide(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["exportTo"] = ["~"]

    of = changed("ServiceEntry", "dog-api", hide, dogApiEnabled="true")
    assert DOG_API not in hosts(exported_to(of, "pets"))


def test_without_a_sidecar_all_that_is_exported_is_seen() -> None:
    of = mesh(dogApiEnabled="true")
    assert hosts_seen(of, "other", "elsewhere") == hosts(of) - {DOG_API}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["./*"], {PETS, DETAILS, HISTORY, DOG_API}),
        (["pets/*"], {PETS, DETAILS, HISTORY, DOG_API}),
        (["*/*"], {PETS, DETAILS, HISTORY, DOG_API}),
        (["elsewhere/*"], set[str]()),
        (["./*.com"], {DOG_API}),
        ([f"*/{PETS}"], {PETS}),
        ([f"./{PETS}", "./nowhere.example.com"], {PETS}),
    ],
)
def test_patterns(patterns: list[str], expected: set[str]) -> None:
    assert seen("petservice", *patterns) == expected


def test_what_is_not_seen_has_neither_route_nor_cluster() -> None:
    view = visible_to(mesh(dogApiEnabled="true"), BACK.namespace, BACK.labels)
    names = [host["name"] for host in outbound_routes(view, sidecar(BACK))["virtual_hosts"]]
    assert names == [f"{DETAILS}:9081", "block_all"]
    clusters = outbound_clusters(view, TOPOLOGY, sidecar(BACK), BACK.identity)
    assert {cluster["name"].rpartition("|")[2] for cluster in clusters} == {DETAILS}


def test_a_sidecars_files_are_of_its_view() -> None:
    files = sidecar_files(mesh(), TOPOLOGY, BACK, Path("/run"), Path("/run.sock"))
    clusters = {cluster["name"].rpartition("|")[2] for cluster in files.clusters}
    assert clusters == {DETAILS, ""}
    [routes] = files.routes.values()
    assert [host["name"] for host in routes["virtual_hosts"]] == [f"{DETAILS}:9081", "block_all"]


def test_a_seen_route_brings_its_destinations_along() -> None:
    def lead(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"][-1]["route"] = [{"destination": {"host": PETS}}]

    of = changed("VirtualService", "petdetailsservice", lead)
    assert hosts_seen(of, "petdetailsservice") == {DETAILS, PETS}


def test_the_limits_of_the_own_service_hold_only_where_it_is_seen() -> None:
    def blind(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["egress"] = [{"hosts": ["elsewhere/*"]}]

    of = mesh()

    def limit(of: Mesh) -> int:
        view = visible_to(of, BACK.namespace, BACK.labels)
        cluster = inbound_cluster(view, BACK, Served(DETAILS, 9081, "HTTP"), 9081)
        return cluster["circuit_breakers"]["thresholds"][0]["max_connections"]

    assert limit(of) == 200
    assert limit(changed("Sidecar", "petdetailsservice", blind)) > 1_000_000


@pytest.mark.parametrize("pattern", ["*", "pets/a.*.com", DETAILS])
def test_another_form_of_a_host_is_refused(pattern: str) -> None:
    with pytest.raises(RefusedError, match="the rehearsal knows namespace/name"):
        seen("petservice", pattern)


def test_an_open_view_is_refused() -> None:
    def allow(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY"}

    with pytest.raises(RefusedError, match="only REGISTRY_ONLY can be rehearsed"):
        changed("Sidecar", "petservice", allow)
