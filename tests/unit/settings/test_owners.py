"""A platform's keys and an application's: whose they are, and in which words another is refused."""

import json

import pytest

from petmesh.program.declaration import ProgramError
from petmesh.program.program import declare
from settings.owners import APPLICATION, FOLLOWED, SHARED, WHOLE
from tests.unit.settings.reading import GOOGLE_PROJECT, KEYS, read, refusal

PLATFORM = {GOOGLE_PROJECT: "pets-1"}
HOSTS = {"hosts": ["pets.example.com"]}


def applications(**given: object) -> dict[str, str]:
    """A platform of these applications, on GKE without a load balancer of Google's."""
    return {
        **PLATFORM,
        "applications": json.dumps(given),
        "ingressTls": "none",
        "ingressServiceType": "LoadBalancer",
    }


def program_refuses(stack: str, **config: str) -> list[str]:
    with pytest.raises(ProgramError) as refused:
        declare(stack, {f"petmesh:{key}": value for key, value in config.items()})
    return str(refused.value).splitlines()


def test_each_key_that_has_an_owner_is_a_key() -> None:
    known = {*KEYS, GOOGLE_PROJECT}
    assert known >= SHARED | APPLICATION | WHOLE | FOLLOWED
    assert not SHARED & APPLICATION
    assert not FOLLOWED & (SHARED | APPLICATION | WHOLE)


@pytest.mark.parametrize(
    ("stack", "key", "value", "why"),
    [
        ("platform", "canaryWeight", "10", "belongs to the stacks of applications"),
        ("platform", "namespace", "shop", "belongs to the stacks of applications"),
        ("platform", "ingressHosts", '["a.example.com"]', "belongs to the stacks of applications"),
        ("shop", "machineType", "n2-standard-4", "belongs to the platform's stack"),
        ("shop", "ingressHosts", '["a.example.com"]', "belongs to the platform's stack"),
        ("shop", "dogApiEnabled", "true", "belongs to the platform's stack"),
        ("shop", "applications", json.dumps({"shop": HOSTS}), "belongs to the platform's stack"),
    ],
)
def test_a_key_of_the_other_owner_is_refused(stack: str, key: str, value: str, why: str) -> None:
    owner = {"platform": "platform", "shop": "application"}[stack]
    shown = f"{key} = {value}: {why}; leave it out while owner is {owner}"
    assert refusal(stack, **PLATFORM, **{key: value}) == [shown]


@pytest.mark.parametrize(
    ("key", "value", "owner"),
    [
        ("platformStack", "organization/petmesh/platform", "application"),
        ("applications", json.dumps({"shop": HOSTS}), "platform"),
    ],
)
def test_a_whole_stack_has_neithers_own(key: str, value: str, owner: str) -> None:
    [line] = refusal("local", **{key: value})
    assert line.endswith(f"is for owner {owner}; leave it out while owner is all")


def test_a_default_is_nobodys_mistake() -> None:
    assert read("platform", **PLATFORM, canaryWeight="0").owner == "platform"


def test_what_an_owner_cannot_do_without_names_its_command() -> None:
    [line] = refusal("local", owner="platform", canaryVersion="")
    assert line.startswith("applications is not set: run pulumi config set --path")
    [line] = refusal("shop", platformStack="")
    assert line.startswith("platformStack is not set: run pulumi config set platformStack")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"shop": {"hosts": ["a.b"]}, "till": {"hosts": ["a.b"]}},
            "applications.shop.hosts = a.b: must be one application's alone",
        ),
        (
            {"shop": {"hosts": ["a.b"], "team": ["user:alice"]}},
            "applications.shop.team = user:alice: must have an email address while platform is gke",
        ),
        (
            {"shop": {"hosts": ["a.b"], "team": ["user:system:admin"]}},
            "applications.shop.team = user:system:admin: must be a list of user:, group: or",
        ),
        ({"shop": {"hosts": []}}, "applications.shop.hosts = []: must be a list of different DNS"),
        ({"shop": {}}, "applications.shop.hosts is not set: it must be a list of different DNS"),
        ({"kube-system": HOSTS}, "applications.kube-system: must be a namespace's name, not"),
        ({"shop": {**HOSTS, "teams": []}}, "applications.shop.teams = []: no such key; did you"),
        (
            {f"a{each}": {"hosts": [f"a{each}.b"]} for each in range(17)},
            "applications: must have at most 16 hosts together, not 17",
        ),
    ],
)
def test_an_application_that_cannot_be_is_refused(given: dict[str, object], line: str) -> None:
    assert refusal("platform", **applications(**given))[0].startswith(line)


def test_a_group_is_one_that_gke_asks_google_about() -> None:
    team = {"shop": {**HOSTS, "team": ["group:shop@example.com"]}}
    [line] = refusal("platform", **applications(**team), rbacGroup="")
    assert line == (
        "applications.shop.team = group:shop@example.com: needs rbacGroup, of which it is a member"
    )


def test_elsewhere_no_account_is_googles() -> None:
    team = json.dumps({"shop": {**HOSTS, "team": ["serviceAccount:a@b.iam.gserviceaccount.com"]}})
    [line] = refusal("local", owner="platform", applications=team, canaryVersion="")
    assert line.endswith("must be user: or group: while platform is existing")


def test_a_platforms_stack_that_cannot_be_followed_is_told_in_one_line() -> None:
    [line] = program_refuses("shop", namespace="till")
    assert line == (
        "namespace = till: must be one of shop, the applications of platformStack "
        "organization/petmesh/platform"
    )
    [line] = program_refuses("shop", platformStack="organization/petmesh/local")
    assert line.startswith("platformStack = organization/petmesh/local: must be a stack with owner")
    [line] = program_refuses("shop", platformStack="organization/other/platform")
    assert line == (
        "stack reference organization/other/platform: only stacks of the project petmesh run in "
        "process"
    )
    [line] = program_refuses("shop", platformStack="organization/petmesh/missing")
    assert line.startswith("stack missing: Pulumi.missing.yaml does not exist")
    [line] = program_refuses("shop", platformStack="organization/petmesh/shop")
    assert line.endswith("it refers to itself: shop -> shop")
