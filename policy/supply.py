"""What runs: images by digest, built from images by digest, and charts by exact version."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from policy.base_images import UnreadableError, images
from policy.podspec import containers, pod
from policy.rules import resource_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries, strings

# Where Dockerfiles' paths start: the engine runs the program there.
ROOT: Final = Path(__file__).resolve().parents[1]
_DIGEST: Final = re.compile(r"[^\s$]+@sha256:[0-9a-f]{64}")
# Semantic Versioning, as Helm reads it: a range such as ^1.31 or 1.x is none.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_IMAGE: Final = "docker:index/image:Image"
# Its Dockerfile may be no file of this checkout, nor its context.
_OPAQUE_IMAGE: Final = "docker-build:index:Image"
_SECURE: Final = ("https://", "oci://")
# A program that renders a chart itself tells the engine neither the chart nor its version.
_OPAQUE_CHARTS: Final = ("kubernetes:helm.sh/v2:Chart", "kubernetes:helm.sh/v3:Chart")
_MANIFESTS: Final = ("kubernetes:yaml", "kubernetes:kustomize")
_FETCHED: Final = re.compile(r"[a-z+]+://|git@|github\.com/")
CHARTS: Final = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart")


def _images(subject: Subject) -> Iterator[Trouble]:
    found = pod(subject)
    if found is None:
        return
    # The gateways' images are istiod's choice: this stands for "what injection gives".
    for path, container in containers(*found):
        image = at(container, "image")
        if image is not UNKNOWN and image != "auto" and not _DIGEST.fullmatch(str(image)):
            mend = "name the image by digest, as in registry.example.com/app@sha256:…"
            yield Trouble(f"{path}.image", image, mend)


def _bases(subject: Subject) -> Iterator[Trouble]:
    if subject.type == _OPAQUE_IMAGE:
        yield Trouble("type", subject.type, f"use {_IMAGE}, whose Dockerfile can be looked at")
    if subject.type != _IMAGE:
        return
    dockerfile = at(subject.properties, "build.dockerfile")
    arguments = entries(subject.properties, "build.args")
    if dockerfile is UNKNOWN or UNKNOWN in arguments.values():
        return
    context = at(subject.properties, "build.context") or "."
    try:
        text = (ROOT / str(dockerfile or f"{context}/Dockerfile")).read_text(encoding="utf-8")
    except OSError:
        mend = "name a Dockerfile of this checkout, whose base image can be looked at"
        yield Trouble("build.dockerfile", dockerfile, mend)
        return
    try:
        drawn = [*images(text, arguments)]
    except UnreadableError as error:
        yield Trouble("build.dockerfile", dockerfile, f"write it as BuildKit reads it: {error}")
        return
    for instruction, image in drawn:
        if not _DIGEST.fullmatch(image):
            mend = "add the image's digest, @sha256:…"
            yield Trouble(f"{dockerfile}: {instruction}", image, mend)


def _manifests(subject: Subject) -> Iterator[Trouble]:
    if subject.type.startswith(_MANIFESTS):
        for path, text in strings(subject.properties):
            if path.startswith(("file", "directory")) and _FETCHED.match(text):
                yield Trouble(path, text, "keep it in this checkout, where a change is looked at")


def _charts(subject: Subject) -> Iterator[Trouble]:
    yield from _manifests(subject)
    if subject.type in _OPAQUE_CHARTS:
        mend = "use a Release or the Chart of helm.sh/v4, whose chart and version can be looked at"
        yield Trouble("type", subject.type, mend)
    if subject.type not in CHARTS:
        return
    if at(subject.properties, "postrender") is not None:
        mend = "remove it: no rule sees what it makes of the chart"
        yield Trouble("postrender", at(subject.properties, "postrender"), mend)
    chart, version = at(subject.properties, "chart"), at(subject.properties, "version")
    repository = at(subject.properties, "repositoryOpts.repo")
    if at(subject.properties, "devel") is True:
        yield Trouble("devel", value=True, mend="remove it and name a version")
    if UNKNOWN in (chart, version, repository) or (not repository and _in_folder(str(chart))):
        return
    # A chart that is an address itself needs no repository.
    field = "chart" if "://" in str(chart) else "repositoryOpts.repo"
    address = at(subject.properties, field)
    if not str(address).startswith(_SECURE):
        yield Trouble(field, address, "fetch charts over https:// or oci://")
    if not _VERSION.fullmatch(str(version or "")) and not _DIGEST.fullmatch(str(chart)):
        yield Trouble("version", version, f"name the exact version of the chart {chart}")


def _in_folder(chart: str) -> bool:
    return chart.startswith(("./", "../", "/")) or (ROOT / chart).exists()


RULES = (
    resource_rule(
        "images-by-digest",
        "Pods run images by digest: a tag can be moved after it was looked at.",
        "NIST SP 800-190 4.1.5; SLSA: dependencies",
        _images,
    ),
    resource_rule(
        "base-images-by-digest",
        "Images are built from images by digest, and by a syntax by digest where one is named.",
        "NIST SP 800-190 4.1.5; SLSA: dependencies",
        _bases,
    ),
    resource_rule(
        "charts-by-version",
        "Helm charts have an exact version and come over TLS, or lie in a folder as manifests do.",
        "SLSA: dependencies",
        _charts,
    ),
)
