"""A cluster that exists is asked for its version of Kubernetes before anything is declared."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pulumi
import pytest

from infra import kubernetes_version
from infra.kubernetes_version import check_version, refuse_older_kubernetes
from infra.platform import existing_platform
from petmesh.program.program import declare

ISTIO = ["1.31.1"]
Kubectl = Callable[[str], None]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """Puts a kubectl on the PATH that does what some Python says, and no other."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(code: str) -> None:
        file = tmp_path / "kubectl"
        file.write_text(f"#!{sys.executable}\nimport sys, time\n{code}\n")
        file.chmod(0o700)

    return put


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of, where the engine's own monitor takes what is declared."""
    told: list[str] = []
    monkeypatch.setattr(kubernetes_version, "get_monitor", SimpleNamespace)
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    return told


def telling(version: object) -> str:
    server = {"clientVersion": {"gitVersion": "v1.20.0"}, "serverVersion": {"gitVersion": version}}
    return f"print({json.dumps(server)!r})"


@pytest.mark.parametrize(
    "version", ["v1.32.0", "1.32", "1.32+", "v1.32.5-eks-ce1d5eb", "v1.33.4-gke.100", "v2.0.0"]
)
def test_a_version_that_is_late_enough_is_worth_no_word(
    version: str, kubectl: Kubectl, warnings: list[str]
) -> None:
    kubectl(telling(version))
    refuse_older_kubernetes("kind-pets", ISTIO)
    assert warnings == []


@pytest.mark.parametrize(
    "version", ["v1.31.14", "1.31", "1.31+", "v1.9.0", "v1.31.1-gke.30", "v0.40"]
)
def test_an_older_one_is_refused_in_a_line(
    version: str, kubectl: Kubectl, warnings: list[str]
) -> None:
    kubectl(telling(version))
    with pytest.raises(pulumi.RunError) as refused:
        existing_platform("kind-pets", "", "", ISTIO)
    assert str(refused.value) == (
        f"kubeContext = kind-pets: its cluster's version of Kubernetes is {version}: must be 1.32 "
        "or later for Istio 1.31.1"
    )
    assert warnings == []


@pytest.mark.parametrize(
    ("istio", "oldest", "demanding"),
    [
        (["1.29.6"], 30, "1.29.6"),
        (["1.30.4"], 32, "1.30.4"),
        (["1.29.6", "1.30.4"], 32, "1.30.4"),
        (["1.30.4", "1.29.6"], 32, "1.30.4"),
        (["1.28.3"], 32, "1.28.3"),
        (["1.99.0"], 32, "1.99.0"),
    ],
)
def test_it_is_the_most_demanding_istiod_that_decides(
    istio: list[str], oldest: int, demanding: str, warnings: list[str]
) -> None:
    check_version("its", f"v1.{oldest}.0", istio, "")
    assert warnings == []
    with pytest.raises(pulumi.RunError) as refused:
        check_version("its", f"v1.{oldest - 1}.0", istio, "")
    assert str(refused.value).endswith(f"must be 1.{oldest} or later for Istio {demanding}")


def test_the_current_context_is_named_where_no_other_is(
    kubectl: Kubectl, warnings: list[str]
) -> None:
    kubectl(f"assert not any('--context' in word for word in sys.argv)\n{telling('v1.29.14')}")
    with pytest.raises(pulumi.RunError, match=r'kubeContext = "": the current one'):
        refuse_older_kubernetes("", ISTIO)
    assert warnings == []


def test_the_cluster_of_the_context_is_asked(kubectl: Kubectl, warnings: list[str]) -> None:
    kubectl(f"assert '--context=kind-pets' in sys.argv[1:]\n{telling('v1.32.0')}")
    refuse_older_kubernetes("kind-pets", ISTIO)
    assert warnings == []


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit('https://user:secret@203.0.113.1 refused')", "ended with exit status 1"),
        ("print('no JSON')", "reported none"),
        ("sys.stdout.buffer.write(bytes([255]))", "reported none"),
        ("print('[' * 100_000)", "reported none"),
        ("print('[]')", "reported none"),
        ('print(\'{"clientVersion": {"gitVersion": "v1.36.0"}}\')', "reported none"),
        *(
            (telling(version), "reported none")
            for version in (None, 1.30, "", "v1", "latest", "v1.x", "v1.30\n", "1.99999", "v1.30e9")
        ),
    ],
)
def test_without_an_answer_there_is_a_warning_in_a_line_and_nothing_else(
    code: str, why: str, kubectl: Kubectl, warnings: list[str]
) -> None:
    kubectl(code)
    refuse_older_kubernetes("kind-pets", ISTIO)
    [warning] = warnings
    assert warning == (
        "kubeContext = kind-pets: its cluster's version of Kubernetes isn't known, must be 1.32 or "
        f"later for Istio 1.31.1: kubectl version {why}"
    )


def test_a_kubectl_that_hangs_is_waited_for_no_longer_than_stated(
    kubectl: Kubectl, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_version, "SECONDS", 0.5)
    kubectl("time.sleep(600)")
    refuse_older_kubernetes("kind-pets", ISTIO)
    assert warnings[0].endswith("for Istio 1.31.1: kubectl didn't answer within 0.5 s")


@pytest.mark.usefixtures("kubectl")
def test_without_kubectl_there_is_a_warning(warnings: list[str]) -> None:
    refuse_older_kubernetes("kind-pets", ISTIO)
    assert warnings[0].endswith("for Istio 1.31.1: kubectl: No such file or directory")


def test_a_run_in_process_asks_nothing(kubectl: Kubectl, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    kubectl(f"open({str(asked)!r}, 'w')\n{telling('v1.29.14')}")
    assert not declare("local").warnings
    assert not asked.exists()
