"""What runs: images by digest, built from images by digest, and charts by exact version."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from petmesh.guardrails.base_images import UnreadableError, images
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Trouble
from petmesh.guardrails.values import UNKNOWN, at, entries
from petmesh.project import ROOT

_DIGEST: Final = r"[^\s$]+@sha256:[0-9a-f]{64}"
# Semantic Versioning, as Helm reads it: a range such as ^1.31 or 1.x is none.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
IMAGE: Final = "docker:index/image:Image"


def dockerfile(subject: Subject) -> Path | None:
    """The Dockerfile of an image; None where it isn't known yet."""
    given, context = (at(subject.properties, f"build.{each}") for each in ("dockerfile", "context"))
    if UNKNOWN in (given, context):
        return None
    return ROOT / str(given or f"{context or '.'}/Dockerfile")


@check("base-images-by-digest", IMAGE)
def _bases(subject: Subject) -> Iterator[Trouble]:
    given, path = at(subject.properties, "build.dockerfile"), dockerfile(subject)
    arguments = entries(subject.properties, "build.args")
    if path is None or UNKNOWN in arguments.values():
        return
    try:
        drawn = [*images(path.read_text(encoding="utf-8"), arguments)]
    except (OSError, UnicodeDecodeError):
        mend = "name a Dockerfile of this checkout, whose base image can be looked at"
        yield Trouble("build.dockerfile", given, mend)
    except UnreadableError as error:
        yield Trouble("build.dockerfile", given, f"write it as BuildKit reads it: {error}")
    else:
        for instruction, image in drawn:
            if not re.fullmatch(_DIGEST, image):
                fetched = "add --checksum=sha256:…, or keep it in this checkout"
                mend = fetched if instruction == "ADD" else "add the image's digest, @sha256:…"
                yield Trouble(f"{given}: {instruction}", image, mend)


@check("charts-by-version", "kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart")
def _charts(subject: Subject) -> Iterator[Trouble]:
    chart, version = at(subject.properties, "chart"), at(subject.properties, "version")
    repository = at(subject.properties, "repositoryOpts.repo")
    if UNKNOWN in (chart, version, repository) or (not repository and _in_folder(str(chart))):
        return
    # A chart that is an address itself needs no repository.
    field = "chart" if "://" in str(chart) else "repositoryOpts.repo"
    address = at(subject.properties, field)
    if not str(address).startswith(("https://", "oci://")):
        yield Trouble(field, address, "fetch charts over https:// or oci://")
    if not _VERSION.fullmatch(str(version or "")) and not re.fullmatch(_DIGEST, str(chart)):
        yield Trouble("version", version, f"name the exact version of the chart {chart}")


def _in_folder(chart: str) -> bool:
    return chart.startswith(("./", "../", "/")) or (ROOT / chart).exists()


@check("base-images-by-digest", "docker-build:index:Image")
def _opaque_image(subject: Subject) -> Iterator[Trouble]:
    # Its Dockerfile may be no file of this checkout, nor its context.
    yield Trouble("type", subject.type, f"use {IMAGE}, whose Dockerfile can be looked at")


@check("charts-by-version", "kubernetes:helm.sh/v2:Chart", "kubernetes:helm.sh/v3:Chart")
def _opaque_chart(subject: Subject) -> Iterator[Trouble]:
    # A program that renders a chart itself tells the engine neither it nor its version.
    mend = "use a Release or the Chart of helm.sh/v4, whose chart and version can be looked at"
    yield Trouble("type", subject.type, mend)
