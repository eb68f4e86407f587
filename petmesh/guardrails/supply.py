"""Images and Helm charts: pinned by digest or exact version, and built from what was reviewed."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from petmesh.guardrails.dockerfiles import UnreadableError, images, unconfined
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, entries
from petmesh.project import ROOT

_DIGEST: Final = r"[^\s$]+@sha256:[0-9a-f]{64}"
# Semantic Versioning, as Helm reads it: a range such as ^1.31 or 1.x is none.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
# Where each kind of image says its Dockerfile, its context and its arguments are.
IMAGES: Final = {
    "docker:index/image:Image": ("build.dockerfile", "build.context", "build.args"),
    "docker-build:index:Image": ("dockerfile.location", "context.location", "buildArgs"),
}


def dockerfile(subject: Subject) -> str | None:
    """The text of an image's Dockerfile; None where it isn't known yet.

    Raises:
        OSError: There is no such file.
        UnicodeDecodeError: It is no text.
    """
    inline = at(subject.properties, "dockerfile.inline")
    given, context = (at(subject.properties, each) for each in IMAGES[subject.type][:2])
    if UNKNOWN in (inline, given, context):
        return None
    path = ROOT / str(given or f"{context or '.'}/Dockerfile")
    return str(inline) if inline else path.read_text(encoding="utf-8")


@check("base-images-by-digest", *IMAGES)
def _bases(subject: Subject) -> Iterator[Violation]:
    field, _, arguments = IMAGES[subject.type]
    given, arguments = at(subject.properties, field), entries(subject.properties, arguments)
    try:
        text = dockerfile(subject)
        drawn = [*images(text, arguments)] if text and UNKNOWN not in arguments.values() else []
    except (OSError, UnicodeDecodeError):
        fix = "name a Dockerfile of this checkout, whose base image can be looked at"
        yield Violation(field, given, fix)
    except UnreadableError as error:
        yield Violation(field, given, f"write it as BuildKit reads it: {error}")
    else:
        for instruction, image in drawn:
            if not re.fullmatch(_DIGEST, image):
                fetched = "add --checksum=sha256:…, or keep it in this checkout"
                fix = fetched if instruction == "ADD" else "add the image's digest, @sha256:…"
                yield Violation(f"{given or 'Dockerfile'}: {instruction}", image, fix)


@check("builds-are-confined", *IMAGES)
def _builds(subject: Subject) -> Iterator[Violation]:
    # Another rule says where it can't be read.
    with suppress(OSError, UnicodeDecodeError, UnreadableError):
        for instruction, text, fix in unconfined(dockerfile(subject) or "FROM scratch"):
            given = at(subject.properties, IMAGES[subject.type][0]) or "Dockerfile"
            yield Violation(f"{given}: {instruction}", text, fix)


@check("charts-by-version", "kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart")
def _charts(subject: Subject) -> Iterator[Violation]:
    chart, version = at(subject.properties, "chart"), at(subject.properties, "version")
    repository = at(subject.properties, "repositoryOpts.repo")
    folder = str(chart).startswith(("./", "../", "/")) or (ROOT / str(chart)).exists()
    if UNKNOWN in (chart, version, repository) or (not repository and folder):
        return
    # A chart that is an address itself needs no repository.
    field = "chart" if "://" in str(chart) else "repositoryOpts.repo"
    address = at(subject.properties, field)
    if not str(address).startswith(("https://", "oci://")):
        yield Violation(field, address, "fetch charts over https:// or oci://")
    if not _VERSION.fullmatch(str(version or "")) and not re.fullmatch(_DIGEST, str(chart)):
        yield Violation("version", version, f"name the exact version of the chart {chart}")


@check("charts-by-version", "kubernetes:helm.sh/v2:Chart", "kubernetes:helm.sh/v3:Chart")
def _opaque_chart(subject: Subject) -> Iterator[Violation]:
    # A program that renders a chart itself tells the engine neither it nor its version.
    fix = "use a Release or the Chart of helm.sh/v4, whose chart and version can be looked at"
    yield Violation("type", subject.type, fix)
