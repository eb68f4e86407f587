"""The kubeconfig: how a cluster is reached, and when it is another."""

import json
from typing import Any

import pytest

from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from tests.unit.declared import gke, gke_otherwise, local, local_otherwise


def kubeconfig(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    return json.loads(stack.outputs["kubeconfig"])


def test_the_kubeconfig_is_secret_in_the_outputs_and_in_the_provider() -> None:
    stack = gke()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert "kubeconfig" in stack.secret_outputs
    assert "kubeconfig" in provider.secret_inputs
    assert provider.inputs["kubeconfig"] == stack.outputs["kubeconfig"]


def test_the_kubeconfig_holds_a_plugin_and_no_credential() -> None:
    [user] = kubeconfig(gke())["users"]
    assert user["user"].keys() == {"exec"}
    assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    assert "env" not in user["user"]["exec"]


def test_the_kubeconfig_uses_the_dns_endpoint_where_there_is_no_public_address() -> None:
    [entry] = kubeconfig(gke())["clusters"]
    assert entry["cluster"].keys() == {"server"}
    assert entry["cluster"]["server"].startswith("https://gke-")
    assert entry["cluster"]["server"].endswith(".us-central1-a.gke.goog")


def test_the_kubeconfig_uses_the_address_with_its_ca_where_networks_are_authorized() -> None:
    stack = gke_otherwise()
    [entry] = kubeconfig(stack)["clusters"]
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert entry["cluster"] == {
        "server": f"https://{declared.outputs['endpoint']}",
        "certificate-authority-data": declared.outputs["masterAuth"]["clusterCaCertificate"],
    }


def test_the_kubeconfig_is_whole() -> None:
    config = kubeconfig(gke_otherwise())
    [context] = config["contexts"]
    assert config["current-context"] == context["name"]
    assert context["context"]["cluster"] == config["clusters"][0]["name"]
    assert context["context"]["user"] == config["users"][0]["name"]
    assert (config["kind"], config["apiVersion"]) == ("Config", "v1")


def identifier(stack: Declaration) -> object:
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    return provider.inputs["clusterIdentifier"]


def test_another_way_to_the_same_cluster_is_no_other_cluster() -> None:
    networks = '["203.0.113.0/24"]'
    assert identifier(gke()) == identifier(gke(authorizedNetworks=networks))
    assert kubeconfig(gke()) != kubeconfig(gke(authorizedNetworks=networks))
    assert identifier(local()) == identifier(local(kubeContext="renamed"))


def test_another_cluster_is_another_with_all_that_stands_on_it() -> None:
    stack = gke()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert identifier(stack) == declared.outputs["id"]
    # A cluster that is replaced under its name is one too: its id isn't known until then.
    assert provider.property_dependencies["clusterIdentifier"] == (declared.urn,)
    others = {"clusterName": "other", "location": "europe-west4", "gcp:project": "petmesh-other"}
    for key, value in others.items():
        assert identifier(gke(**{key: value})) != identifier(stack)


def test_which_file_kubeconfig_names_is_the_shells_and_no_part_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/alice/.kube/one")
    [provider] = declare("local").of_type("pulumi:providers:kubernetes")
    assert provider.inputs["kubeconfig"] == ""


def test_a_cluster_that_exists_has_no_kubeconfig_to_give_away() -> None:
    stack = local_otherwise()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert "kubeconfig" not in stack.outputs
    assert (provider.inputs["context"], provider.inputs["kubeconfig"]) == ("kind-pets", "")
    assert stack.outputs["clusterName"] == "kind-pets"
