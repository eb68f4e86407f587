"""What runs: images by digest, built from images by digest, and charts by exact version."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from policy.base_images import UnreadableError, images
from policy.rules import check
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries

# Where Dockerfiles' paths start: the engine runs the program there.
ROOT: Final = Path(__file__).resolve().parents[1]
_DIGEST: Final = r"[^\s$]+@sha256:[0-9a-f]{64}"
# Semantic Versioning, as Helm reads it: a range such as ^1.31 or 1.x is none.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_IMAGE: Final = "docker:index/image:Image"


@check("base-images-by-digest", _IMAGE)
def _bases(subject: Subject) -> Iterator[Trouble]:
    dockerfile = at(subject.properties, "build.dockerfile")
    arguments = entries(subject.properties, "build.args")
    if dockerfile is UNKNOWN or UNKNOWN in arguments.values():
        return
    context = at(subject.properties, "build.context") or "."
    try:
        text = (ROOT / str(dockerfile or f"{context}/Dockerfile")).read_text(encoding="utf-8")
        drawn = [*images(text, arguments)]
    except (OSError, UnicodeDecodeError):
        mend = "name a Dockerfile of this checkout, whose base image can be looked at"
        yield Trouble("build.dockerfile", dockerfile, mend)
    except UnreadableError as error:
        yield Trouble("build.dockerfile", dockerfile, f"write it as BuildKit reads it: {error}")
    else:
        for instruction, image in drawn:
            if not re.fullmatch(_DIGEST, image):
                yield Trouble(
                    f"{dockerfile}: {instruction}", image, "add the image's digest, @sha256:…"
                )


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
    yield Trouble("type", subject.type, f"use {_IMAGE}, whose Dockerfile can be looked at")


@check("charts-by-version", "kubernetes:helm.sh/v2:Chart", "kubernetes:helm.sh/v3:Chart")
def _opaque_chart(subject: Subject) -> Iterator[Trouble]:
    # A program that renders a chart itself tells the engine neither it nor its version.
    mend = "use a Release or the Chart of helm.sh/v4, whose chart and version can be looked at"
    yield Trouble("type", subject.type, mend)
