"""What runs: images by digest, from bases by digest, and charts by exact version."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from policy.podspec import containers, pod
from policy.rules import Subject, Trouble, resource_rule
from policy.values import UNKNOWN, at, entries

# Where Dockerfiles' paths start: the engine runs the program there.
ROOT: Final = Path(__file__).resolve().parents[1]
_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
# Semantic Versioning, as Helm reads it: a range such as ^1.31 or 1.x is none.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_FROM: Final = re.compile(
    r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE
)
_ARGUMENT: Final = re.compile(r"^\s*ARG\s+(\w+)=(\S+)", re.IGNORECASE | re.MULTILINE)
_CHARTS: Final = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart")


def _images(subject: Subject) -> Iterator[Trouble]:
    found = pod(subject)
    if found is None:
        return
    # The gateways' images are istiod's choice: this stands for "what injection gives".
    for path, container in containers(*found):
        image = at(container, "image")
        if image is not UNKNOWN and image != "auto" and not _DIGEST.search(str(image)):
            mend = "name the image by digest, as in registry.example.com/app@sha256:…"
            yield Trouble(f"{path}.image", image, mend)


def _bases(subject: Subject) -> Iterator[Trouble]:
    if subject.type != "docker:index/image:Image":
        return
    dockerfile = at(subject.properties, "build.dockerfile")
    if dockerfile is UNKNOWN:
        return
    context = at(subject.properties, "build.context") or "."
    try:
        text = (ROOT / str(dockerfile or f"{context}/Dockerfile")).read_text(encoding="utf-8")
    except OSError:
        mend = "name a Dockerfile of this checkout, whose base image can be looked at"
        yield Trouble("build.dockerfile", dockerfile, mend)
        return
    defaults: dict[str, str] = dict(_ARGUMENT.findall(text))
    arguments = {**defaults, **entries(subject.properties, "build.args")}
    stages: set[str] = {"scratch"}
    for base, stage in _FROM.findall(text):
        image = re.sub(r"\$\{?(\w+)\}?", lambda name: str(arguments.get(name[1], "")), base)
        if image.lower() not in stages and not _DIGEST.search(image):
            yield Trouble(f"{dockerfile}: FROM", image, "add the base image's digest, @sha256:…")
        stages.add(stage.lower())


def _charts(subject: Subject) -> Iterator[Trouble]:
    if subject.type not in _CHARTS:
        return
    chart, version = at(subject.properties, "chart"), at(subject.properties, "version")
    repository = at(subject.properties, "repositoryOpts.repo")
    if UNKNOWN in (chart, version, repository):
        return
    address = str(repository or chart)
    in_folder = "://" not in address
    if address.startswith("http://"):
        yield Trouble("repositoryOpts.repo", repository, "fetch charts over https:// or oci://")
    if at(subject.properties, "devel") is True:
        yield Trouble("devel", value=True, mend="remove it and name a version")
    if in_folder or _DIGEST.search(address):
        return
    if not _VERSION.fullmatch(str(version or "")):
        yield Trouble("version", version, f"name the exact version of the chart {chart}")


RULES = (
    resource_rule(
        "images-by-digest",
        "Pods run images by digest: a tag can be moved after it was looked at.",
        _images,
    ),
    resource_rule(
        "base-images-by-digest",
        "Images are built from bases by digest.",
        _bases,
    ),
    resource_rule(
        "charts-by-version",
        "Helm charts have an exact version and come over TLS, or lie in a folder.",
        _charts,
    ),
)
