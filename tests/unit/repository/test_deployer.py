"""What docs/pull-requests.md grants: what a deployer needs, and nothing that a guard-rail refuses.

Its shell commands are run with another gcloud, which writes down what it is asked for.
"""

import re
import subprocess
from dataclasses import dataclass

import pytest

from petmesh.program.declaration import Resource
from settings import ROOT
from tests.unit.declared import PROJECT, gke, google_managed
from tests.unit.guardrails.judged import alone, resource, said

DEPLOYER = f"serviceAccount:petmesh-deploy@{PROJECT}.iam.gserviceaccount.com"
WRITING = r"""
gcloud() { printf '%s\0' "$@" >>asked; printf '\n' >>asked; }
gh() { echo 1; }
"""
# What a grant is granted on, and the stack's kind for it.
GRANTED_ON = {
    "projects": "gcp:projects/iAMMember:IAMMember",
    "iam service-accounts": "gcp:serviceaccount/iAMMember:IAMMember",
    "storage buckets": "gcp:storage/bucketIAMMember:BucketIAMMember",
    "kms keys": "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
}


@dataclass(frozen=True)
class Command:
    """One that gcloud is asked for: what is done, to what, and its options."""

    verb: str
    target: str
    options: dict[str, str]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[Command]:
    text = (ROOT / "docs" / "pull-requests.md").read_text()
    _, _, setup = text.partition("## Setup\n")
    script = setup.split("```sh\n")[1].split("```")[0].replace("your-project-id", PROJECT)
    folder = tmp_path_factory.mktemp("setup")
    subprocess.run(["bash", "-euc", WRITING + script], cwd=folder, check=True)
    return [_command(line.split("\0")) for line in (folder / "asked").read_text().splitlines()]


def _command(words: list[str]) -> Command:
    options = {
        name: value
        for name, _, value in (word[2:].partition("=") for word in words if word[:2] == "--")
    }
    *verb, target = [word for word in words if word and not word.startswith("--")]
    return Command(" ".join(verb), target, options)


def condition(text: str) -> dict[str, str]:
    """The condition of a grant; what stands between two ^ separates its parts."""
    if text.startswith("^;^"):
        return dict(part.split("=", 1) for part in text[3:].split(";"))
    assert text in ("", "None")
    return {}


@pytest.fixture(scope="module")
def grants(commands: list[Command]) -> list[tuple[str, Resource]]:
    """What is granted on, and the grant as a stack would declare it."""
    return [
        (
            each.target,
            resource(
                GRANTED_ON[each.verb.removesuffix(" add-iam-policy-binding")],
                member=each.options["member"],
                role=each.options["role"],
                condition=condition(each.options.get("condition", "")),
            ),
        )
        for each in commands
        if each.verb.endswith(" add-iam-policy-binding")
    ]


@pytest.fixture(scope="module")
def custom_roles(commands: list[Command]) -> dict[str, list[str]]:
    """The permissions of each role that the set-up makes."""
    return {
        f"projects/{each.options['project']}/roles/{each.target}": each.options[
            "permissions"
        ].split(",")
        for each in commands
        if each.verb == "iam roles create"
    }


def test_no_guard_rail_refuses_what_is_granted(
    grants: list[tuple[str, Resource]], custom_roles: dict[str, list[str]]
) -> None:
    made = [
        resource("gcp:projects/iAMCustomRole:IAMCustomRole", name, permissions=permissions)
        for name, permissions in custom_roles.items()
    ]
    assert len(grants) > 10
    assert said(alone(*made, *(grant for _, grant in grants))) == {}


def test_the_deployer_grants_the_roles_that_the_stack_grants_and_no_other(
    grants: list[tuple[str, Resource]],
) -> None:
    [may] = [
        grant.inputs["condition"]["expression"]
        for _, grant in grants
        if grant.inputs["role"] == "roles/resourcemanager.projectIamAdmin"
    ]
    granted = {
        each.inputs["role"]
        for stack in (gke(), google_managed(metrics="managed"))
        for each in stack.of_type(GRANTED_ON["projects"])
    }
    assert set(re.findall(r"'(roles/[^']+)'", may)) == granted


def test_the_deployer_is_whom_nodes_are_alone(
    commands: list[Command], grants: list[tuple[str, Resource]]
) -> None:
    [account] = gke().of_type("gcp:serviceaccount/account:Account")
    [made] = [
        each
        for each in commands
        if each.verb == "iam service-accounts create" and each.target == account.inputs["accountId"]
    ]
    assert made.options == {"display-name": account.inputs["displayName"]}
    assert account.inputs["createIgnoreAlreadyExists"] is True
    users = {
        (grant.type, target, grant.inputs["member"])
        for target, grant in grants
        if grant.inputs["role"] == "roles/iam.serviceAccountUser"
    }
    assert users == {(GRANTED_ON["iam service-accounts"], account.outputs["email"], DEPLOYER)}


def test_the_deployer_makes_accounts_and_none_of_their_rights(
    grants: list[tuple[str, Resource]], custom_roles: dict[str, list[str]]
) -> None:
    [(role, permissions)] = custom_roles.items()
    verbs = ("create", "delete", "get", "update")
    assert permissions == [f"iam.serviceAccounts.{verb}" for verb in verbs]
    held = {grant.inputs["role"] for _, grant in grants if grant.inputs["member"] == DEPLOYER}
    assert role in held
    assert not [each for each in held if each.startswith("roles/iam.serviceAccountAdmin")]
