"""The GitHub workflows: actions pinned, least permissions, no stranger's code beside a token."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, cast

import pytest
import yaml

from settings import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What each job may do with GitHub beyond reading the repository, and no other job may.
MAY = {
    ("preview", "engine"): {"id-token": "write", "pull-requests": "write"},
    ("comment", "comment"): {"actions": "read", "pull-requests": "write"},
    ("deploy", "preview"): {"id-token": "write"},
    ("deploy", "up"): {"id-token": "write"},
    ("update", "propose"): {"contents": "write", "pull-requests": "write"},
}


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def jobs(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from cast("dict[str, dict[str, Any]]", content["jobs"]).items()


def steps(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for _, job in jobs(content):
        yield from cast("list[dict[str, Any]]", job["steps"])


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_every_action_is_pinned_by_commit_and_says_its_version(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_job_may_do_no_more_than_it_needs(name: str) -> None:
    content = workflow(name)
    assert content["permissions"] in ({}, {"contents": "read"})
    for job_name, job in jobs(content):
        granted = dict(job.get("permissions", content["permissions"]))
        allowed = {"contents": "read", **MAY.get((name, job_name), {})}
        assert {"contents": "read", **granted} == allowed
        assert job["timeout-minutes"]
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_no_checkout_leaves_its_token_and_no_script_takes_an_expression(name: str) -> None:
    for step in steps(workflow(name)):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
            assert "ref" not in step["with"]
        assert "${{" not in step.get("run", "")


def test_no_workflow_has_a_secret_or_runs_a_strangers_code_with_a_token() -> None:
    for file in FILES:
        text = file.read_text()
        assert "secrets." not in text
        assert "pull_request_target" not in text
    in_process = workflow("preview")["jobs"]["in-process"]
    assert in_process["permissions"] == {"contents": "read"}
    engine = workflow("preview")["jobs"]["engine"]["if"]
    assert "pull_request.head.repo.full_name == github.repository" in engine


def test_an_up_waits_for_its_environment_and_is_never_cancelled() -> None:
    deploy = workflow("deploy")
    assert deploy["jobs"]["up"]["environment"] == "dev"
    assert deploy["jobs"]["up"]["needs"] == "preview"
    assert deploy["concurrency"]["cancel-in-progress"] is False


def test_the_engine_is_the_locked_sdks_and_holds_to_the_guard_rails() -> None:
    calls = [
        step["with"]
        for file in FILES
        for step in steps(workflow(file.stem))
        if str(step.get("uses", "")).startswith("pulumi/actions@")
    ]
    assert {call["command"] for call in calls} == {"preview", "up"}
    for call in calls:
        assert call["pulumi-version"] == version("pulumi")
        assert call["policyPacks"] == "policy"


def test_what_may_push_runs_no_package() -> None:
    for step in workflow("update")["jobs"]["propose"]["steps"]:
        assert not re.search(r"^\s*(make|python|pip|uv)\b", step.get("run", ""), re.MULTILINE)
        assert "setup-python" not in step.get("uses", "")
