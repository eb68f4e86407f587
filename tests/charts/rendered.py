"""Charts as helm renders them with the values that a stack declares."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import yaml

from istio.pod_security import ENFORCED_VERSION
from petmesh.guardrails.rules import Subject
from petmesh.guardrails.values import entries
from petmesh.program.declaration import Declaration, Resource
from tests.unit.guardrails.judged import resource

FOLDER_VARIABLE: Final = "CHARTS"
RELEASE: Final = "kubernetes:helm.sh/v3:Release"


class UnavailableError(Exception):
    """helm or a chart can't be had; the text says why."""


@dataclass(frozen=True)
class Release:
    """A declared release, and what helm makes of it.

    Attributes:
        chart: The chart's name.
        namespace: Its namespace.
        values: The declared values.
        own_values: The chart's own, and those of the charts within it.
        objects: What it brings, as if the program had declared it; CRDs in a chart's folder `crds`
            and what `helm test` alone would run aside.
    """

    chart: str
    namespace: str
    values: Mapping[str, Any]
    own_values: Mapping[str, Any]
    objects: Sequence[Resource]


@dataclass(frozen=True)
class Pods:
    """The pods of a workload.

    Attributes:
        namespace: Their namespace.
        workload: The workload's kind and name.
        labels: Their labels.
        spec: Their spec.
    """

    namespace: str
    workload: str
    labels: Mapping[str, str]
    spec: Any


@dataclass(frozen=True)
class Installed:
    """A stack, and what its charts bring."""

    stack: Declaration
    releases: Sequence[Release]

    @cached_property
    def brought(self) -> Sequence[Resource]:
        """All that the charts bring."""
        return [each for release in self.releases for each in release.objects]

    @cached_property
    def objects(self) -> Sequence[Resource]:
        """All that the charts bring, and what Prometheus' operator makes of it."""
        return [*self.brought, *(_prometheus(each) for each in self.of_kind("Prometheus"))]

    @cached_property
    def pods(self) -> Sequence[Pods]:
        """The pods of all of it."""
        return [each for made in self.objects for each in _pods(made)]

    def of_kind(self, *kinds: str) -> Sequence[Resource]:
        """What the charts bring of some kinds."""
        return [each for each in self.brought if each.inputs["kind"] in kinds]


def install(stack: Declaration, into: Path) -> Installed:
    """Render every chart of a stack.

    Args:
        stack: What is declared.
        into: A folder to pull charts into.

    Raises:
        UnavailableError: helm or a chart can't be had.
    """
    return Installed(stack, [_release(each.inputs, into) for each in stack.of_type(RELEASE)])


def _release(declared: Mapping[str, Any], into: Path) -> Release:
    folder = _folder(declared, into)
    namespace, values = declared["namespace"], declared["values"]
    text = _helm(
        *("template", declared["name"], str(folder), "--namespace", namespace),
        *("--kube-version", ENFORCED_VERSION, "--skip-tests", "--values", "-"),
        given=json.dumps(values),
    )
    objects = [_resource(each, namespace) for each in _documents(text)]
    return Release(declared["chart"], namespace, values, _own_values(folder), objects)


def _folder(declared: Mapping[str, Any], into: Path) -> Path:
    """Where a chart is: in the folder that `CHARTS` names or its version's in it, or pulled."""
    name, version = declared["chart"], declared["version"]
    given = os.environ.get(FOLDER_VARIABLE)
    every = Path(given or into)
    of_version = every / version
    folder = (of_version if not given or of_version.is_dir() else every) / name
    if not given and not folder.exists():
        repository = declared["repositoryOpts"]["repo"]
        command = ["helm", "pull", name, "--repo", repository, "--version", version]
        try:
            done = subprocess.run(
                [*command, "--untar", "--untardir", str(of_version)],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise UnavailableError("helm is not on the PATH") from None
        # The repository answers, and has no such chart.
        assert "not found in" not in done.stderr, done.stderr
        if done.returncode:
            raise UnavailableError(f"no chart {name} {version}: {done.stderr.strip()}")
    try:
        there = yaml.safe_load((folder / "Chart.yaml").read_text())["version"]
    except OSError as error:
        raise UnavailableError(f"no chart {name} {version}: {error}") from None
    if there != version:
        raise UnavailableError(f"no chart {name} {version}: {folder} is {there}")
    return folder


def _helm(*arguments: str, given: str = "") -> str:
    try:
        done = subprocess.run(
            ["helm", *arguments], input=given, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise UnavailableError("helm is not on the PATH") from None
    assert done.returncode == 0, done.stderr
    return done.stdout


def _documents(text: str) -> Iterator[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return (each for each in yaml.load_all(text, loader) if each)


def _own_values(chart: Path) -> Mapping[str, Any]:
    values = next(_documents(_helm("show", "values", str(chart))), dict[str, Any]())
    # What Istio's charts merge what they are given into.
    values = values.get("_internal_defaults_do_not_set", values)
    within = chart / "charts"
    for each in within.iterdir() if within.is_dir() else ():
        name = next(_documents(_helm("show", "chart", str(each))))["name"]
        values[name] = _merged(_own_values(each), values.get(name) or {})
    return values


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**values, **over}
    for key in values.keys() & over.keys():
        if isinstance(values[key], dict) and isinstance(over[key], dict):
            merged[key] = _merged(values[key], over[key])
    return merged


def _resource(manifest: Mapping[str, Any], namespace: str) -> Resource:
    group, _, version = manifest["apiVersion"].rpartition("/")
    metadata = {"namespace": namespace, **manifest["metadata"]}
    type_ = f"kubernetes:{group or 'core'}/{version}:{manifest['kind']}"
    return resource(type_, metadata["name"], **{**manifest, "metadata": metadata})


def _pods(made: Resource) -> Iterator[Pods]:
    subject = Subject(made.type, made.urn, made.name, made.inputs)
    if found := subject.pod:
        path, spec = found
        labels = entries(subject.properties, f"{path.removesuffix('spec')}metadata.labels")
        yield Pods(subject.namespace, f"{subject.kind} {subject.name}", labels, spec)


def _prometheus(prometheus: Resource) -> Resource:
    """The workload that the operator makes of a Prometheus, as far as charts decide it.

    Source:
        makeStatefulSetSpec and makeSelectorLabels in
        https://github.com/prometheus-operator/prometheus-operator/tree/v0.93.1/pkg/prometheus/server
    """
    name, spec = prometheus.name, cast("dict[str, Any]", prometheus.inputs["spec"])
    container = {
        "name": "prometheus",
        "image": spec["image"],
        "ports": [{"name": spec.get("portName", "web"), "containerPort": 9090}],
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    labels = {
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus",
        "app.kubernetes.io/instance": name,
        "operator.prometheus.io/name": name,
        "prometheus": name,
    }
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": spec["serviceAccountName"],
            "automountServiceAccountToken": spec.get("automountServiceAccountToken", True),
            "securityContext": spec.get("securityContext", {}),
            "containers": [container],
        },
    }
    made = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": f"prometheus-{name}"},
        "spec": {"template": template},
    }
    return _resource(made, prometheus.inputs["metadata"]["namespace"])
