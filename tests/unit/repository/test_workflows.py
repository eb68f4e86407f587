"""The GitHub workflows: actions pinned, least permissions, no stranger's code beside a token.

The rights of each job, its identity and the conditions that keep forks out have their exact text: a
word more or less is another right.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from settings import ROOT

NAMES = sorted(file.stem for file in (ROOT / ".github" / "workflows").glob("*.yml"))
RUN = "github.event.workflow_run"
# What each job may do with GitHub beyond reading the repository, and no other job may.
MAY = {
    ("preview", "engine"): {"id-token": "write"},
    ("comment", "comment"): {"actions": "read", "pull-requests": "write"},
    ("apply", "preview"): {"id-token": "write"},
    ("apply", "up"): {"id-token": "write"},
    ("deploy", "apply"): {"id-token": "write"},
    ("drift", "look"): {"id-token": "write"},
    ("drift", "tell"): {"issues": "write"},
    ("update", "propose"): {"contents": "write", "pull-requests": "write"},
}
# The engine runs a pull request's code with an identity at Google Cloud: no fork's, nor that of
# packages that nobody has reviewed.
ENGINE_IF = (
    "vars.PULUMI_BACKEND_URL != '' && "
    "github.event.pull_request.head.repo.full_name == github.repository && "
    "github.event.pull_request.user.login != 'dependabot[bot]' && "
    "github.event.pull_request.head.ref != 'update-locks'"
)
# The identity of each job at Google Cloud; no other has one.
IDENTITY = {
    ("drift", "look"): "${{ vars.DRIFT_SERVICE_ACCOUNT }}",
    ("preview", "engine"): "${{ vars.PREVIEW_SERVICE_ACCOUNT }}",
    ("apply", "preview"): "${{ vars.PREVIEW_SERVICE_ACCOUNT }}",
    ("apply", "up"): "${{ vars.DEPLOY_SERVICE_ACCOUNT }}",
}
# Inputs of actions that an expression may fill: none is run.
FILLED = {
    "cloud-url",
    "github-token",
    "path",
    "run-id",
    "service_account",
    "workload_identity_provider",
}


def workflow(name: str) -> dict[Any, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def jobs() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Each job by its workflow's name and its own."""
    for name in NAMES:
        for job_name, job in cast("dict[str, dict[str, Any]]", workflow(name)["jobs"]).items():
            yield (name, job_name), job


def steps(name: str, job: str) -> list[dict[str, Any]]:
    return workflow(name)["jobs"][job].get("steps", [])


def all_steps() -> Iterator[dict[str, Any]]:
    for (name, job_name), _ in jobs():
        yield from steps(name, job_name)


def calls(action: str) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """The inputs of each call of an action, by its job."""
    for key, _ in jobs():
        for step in steps(*key):
            if str(step.get("uses", "")).startswith(f"{action}@"):
                yield key, step.get("with", {})


def told(key: str) -> dict[tuple[str, str], Any]:
    """What the jobs say under a key, where they do."""
    return {name: job[key] for name, job in jobs() if key in job}


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_by_commit_and_says_its_version(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    for action in re.findall(r"uses: ([^.].*)", text):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def events(name: str) -> set[str]:
    """The events that start a workflow."""
    # YAML 1.1 takes the word `on` for true.
    return set(workflow(name)[True])


def test_no_strangers_event_starts_a_workflow_with_rights() -> None:
    """A fork's pull request gets a run without rights; a run beside rights reads no code of it."""
    for name in NAMES:
        assert "pull_request_target" not in events(name)
        assert ("workflow_run" in events(name)) == (name == "comment")
    assert workflow("deploy")[True] == {"push": {"branches": ["main"]}}
    assert events("apply") == {"workflow_call"}
    assert {key for key, job in jobs() if "apply.yml" in job.get("uses", "")} == {
        ("deploy", "apply")
    }
    rights = {name for name, _ in MAY} - {"apply"}
    assert {name for name in rights if "pull_request" in events(name)} == {"preview"}
    assert workflow("preview")["jobs"]["engine"]["if"] == ENGINE_IF


def test_nothing_is_applied_unchecked_unreviewed_or_twice_at_a_time() -> None:
    assert workflow("deploy")["jobs"]["apply"]["needs"] == "checks"
    assert workflow("apply")["jobs"]["up"]["needs"] == "preview"
    assert told("environment") == {("apply", "up"): "dev"}
    assert told("concurrency") == {
        ("deploy", "apply"): {"group": "deploy-dev", "cancel-in-progress": False}
    }
    assert not told("continue-on-error")


def test_nothing_is_set_for_more_than_a_step() -> None:
    assert not told("env")
    assert not told("defaults")
    for name in NAMES:
        assert not {"env", "defaults"} & set(workflow(name))


def test_a_job_may_do_no_more_than_it_needs() -> None:
    for key, job in jobs():
        default = workflow(key[0])["permissions"]
        assert default in ({}, {"contents": "read"})
        granted = dict(job.get("permissions", default))
        assert {"contents": "read", **granted} == {"contents": "read", **MAY.get(key, {})}
        if "uses" in job:
            continue
        assert job["timeout-minutes"]
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])


def test_a_job_is_the_one_identity_that_it_must_be() -> None:
    for _, inputs in calls("google-github-actions/auth"):
        assert inputs["workload_identity_provider"] == "${{ vars.WORKLOAD_IDENTITY_PROVIDER }}"
        assert set(inputs) == {"workload_identity_provider", "service_account"}
    found = [(key, each["service_account"]) for key, each in calls("google-github-actions/auth")]
    assert sorted(found) == sorted(IDENTITY.items())


def test_a_checkout_is_of_what_the_event_is_about_and_leaves_no_token() -> None:
    # The report compares with an earlier commit.
    deep = {("preview", "in-process"): {"fetch-depth": 0}}
    for key, inputs in calls("actions/checkout"):
        assert inputs == {"persist-credentials": False, **deep.get(key, {})}


def test_no_expression_is_run() -> None:
    for step in all_steps():
        assert "${{" not in step.get("run", "")
        filled = {key for key, value in step.get("with", {}).items() if "${{" in str(value)}
        assert filled <= FILLED
        assert "${{" not in step.get("shell", "") + step.get("working-directory", "")


def test_no_workflow_has_a_secret() -> None:
    for name in NAMES:
        text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
        assert not re.search(r"\bsecrets\b", text)


def test_beside_the_token_that_comments_runs_one_script_of_the_default_branch() -> None:
    (checkout, *downloads, post) = steps("comment", "comment")
    assert checkout["uses"].startswith("actions/checkout@")
    for download, name in zip(downloads, ("report", "engine"), strict=True):
        assert download["uses"].startswith("actions/download-artifact@")
        assert download["with"] == {
            "name": name,
            "path": f"${{{{ runner.temp }}}}/{name}",
            "run-id": f"${{{{ {RUN}.id }}}}",
            "github-token": "${{ github.token }}",
        }
    assert post == {
        "run": 'python3 .ci/comment.py "$RUNNER_TEMP/report" "$RUNNER_TEMP/engine"',
        "env": {
            "GH_TOKEN": "${{ github.token }}",
            "HEAD_REPOSITORY": f"${{{{ {RUN}.head_repository.full_name }}}}",
            "HEAD_OWNER": f"${{{{ {RUN}.head_repository.owner.login }}}}",
            "HEAD_BRANCH": f"${{{{ {RUN}.head_branch }}}}",
            "HEAD_SHA": f"${{{{ {RUN}.head_sha }}}}",
            "RUN_ID": f"${{{{ {RUN}.id }}}}",
            "RUN_URL": f"${{{{ {RUN}.html_url }}}}",
        },
    }


def test_no_job_that_runs_the_code_of_a_branch_may_write_to_github() -> None:
    for (name, job_name), job in jobs():
        scripts = "\n".join(step.get("run", "") for step in steps(name, job_name))
        builds = re.search(r"^\s*(make|pip|uv|\.ci/run)\b", scripts, re.MULTILINE)
        if builds or {"pull_request", "workflow_call"} & set(workflow(name)[True]):
            granted = job.get("permissions", workflow(name)["permissions"])
            writes = {scope for scope, level in granted.items() if level != "read"}
            # What it is to Google Cloud is judged by identity, below.
            assert writes <= {"id-token"}, (name, job_name)
            # Nor is a step handed the token that reads.
            assert "token" not in str(job.get("steps")), (name, job_name)


def test_the_token_that_writes_never_checks_out_what_an_event_names() -> None:
    for key, inputs in calls("actions/checkout"):
        assert not {"ref", "repository"} & set(inputs), key
    assert {
        key for key, may in MAY.items() if {"pull-requests", "contents", "issues"} & set(may)
    } == {
        ("drift", "tell"),
        ("comment", "comment"),
        ("update", "propose"),
    }


def test_what_is_left_of_a_preview_is_left_though_it_failed(tmp_path: Path) -> None:
    *_, summary, number, upload = steps("preview", "in-process")
    for step in (summary, number, upload):
        assert step["if"] == "${{ !cancelled() }}"
    assert upload["with"]["name"] == "report"
    assert upload["with"]["path"].split() == ["report.md", "pull-request"]
    environment = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "NUMBER": "7"}
    for step in (summary, number):
        subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment, check=True)
    assert [file.name for file in tmp_path.iterdir()] == ["pull-request"]
    (tmp_path / "report.md").write_text("fine\n")
    subprocess.run(["bash", "-e", "-c", summary["run"]], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "summary").read_text() == "fine\n"


def test_the_engine_is_the_locked_sdks_and_holds_to_the_guard_rails() -> None:
    found = [inputs for _, inputs in calls("pulumi/actions")]
    assert found
    for inputs in found:
        assert inputs["pulumi-version"] == version("pulumi")
        assert inputs["policyPacks"] == "petmesh/guardrails"
        # Outputs may hold what only the stack's owners are to see.
        assert inputs["suppress-outputs"] is True


def test_what_the_engine_says_of_a_pull_request_is_left_though_it_failed(tmp_path: Path) -> None:
    *_, install, preview, upload = steps("preview", "engine")
    assert install["run"] == "make install-cli"
    assert upload["if"] == "${{ !cancelled() }}"
    assert (upload["with"]["name"], upload["with"]["path"]) == ("engine", "engine.txt")
    make = tmp_path / "make"
    make.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\necho broken >&2\nexit 3\n")
    make.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert preview["shell"] == "bash"
    # As GitHub runs a step whose shell is named.
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", preview["run"]]
    done = subprocess.run(shell, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 3
    assert (tmp_path / "engine.txt").read_text().splitlines() == [
        *("preview", "STACK=dev", "ARGS=--diff --color never --suppress-outputs", "broken"),
    ]
    assert preview["env"] == {"PULUMI_BACKEND_URL": "${{ vars.PULUMI_BACKEND_URL }}"}


def test_the_comment_asks_for_the_engine_by_its_jobs_name() -> None:
    assert "name" not in workflow("preview")["jobs"]["engine"]


def test_the_locks_branch_is_the_one_that_the_engine_leaves_aside() -> None:
    script = steps("update", "propose")[-1]["run"]
    assert set(re.findall(r"(?:--create|origin|view|--head) (\S+)", script)) == {"update-locks"}
    assert "head.ref != 'update-locks'" in ENGINE_IF


def test_what_may_push_runs_no_package() -> None:
    for step in steps("update", "propose"):
        assert not re.search(r"^\s*(make|python|pip|uv)\b", step.get("run", ""), re.MULTILINE)
        assert "setup-python" not in step.get("uses", "")


def test_the_identity_that_deploys_hangs_on_environment_branch_and_event() -> None:
    text = (ROOT / "docs" / "pull-requests.md").read_text()
    (condition,) = re.findall(r"attribute\.deploy=(.*?) \? 'yes' : 'no'", text)
    assert set(condition.split(" && ")) == {
        "'environment' in assertion",
        "assertion.environment == 'dev'",
        "assertion.ref == 'refs/heads/main'",
        "assertion.event_name == 'push'",
    }
    (bound,) = re.findall(r'"\$DEPLOY" --role=roles/iam.workloadIdentityUser.*\n.*/(.*/.*)"', text)
    assert bound == "attribute.deploy/yes"
    assert text.index("environments/dev/deployment-branch-policies") < text.index(condition)
