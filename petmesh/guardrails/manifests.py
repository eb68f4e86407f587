"""The objects that a resource holds as manifests, each judged as if it were declared itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import yaml

from petmesh.guardrails.subject import Subject
from petmesh.guardrails.values import at, members, plain
from petmesh.project import ROOT


def with_manifests(subjects: Sequence[Subject]) -> Iterator[Subject]:
    """Resources, each followed by the objects of its manifests: inline, or files of this checkout.

    What can't be read is an object of the kind `Unreadable`, which no rule knows. The engine tells
    of each object besides; a run without it doesn't.
    """
    for subject in subjects:
        yield subject
        if subject.of in ("yaml/ConfigFile", "yaml/ConfigGroup"):
            try:
                yield from [_object(subject, each) for each in _manifests(subject) if each]
            except (OSError, ValueError, NotImplementedError, yaml.YAMLError):
                yield replace(subject, type="kubernetes:yaml:Unreadable")


def _manifests(subject: Subject) -> Iterator[Any]:
    texts, files = _texts(subject, "yaml"), _texts(subject, "file", "files")
    for local in (each for each in files if "://" not in each):
        texts += [path.read_text(encoding="utf-8") for path in ROOT.glob(local.removeprefix("./"))]
    yield from (each for text in texts for each in yaml.safe_load_all(text))
    yield from at(subject.properties, "objs") or ()


def _texts(subject: Subject, *fields: str) -> list[str]:
    given = (at(subject.properties, field) for field in fields)
    return [each for value in given for each in members(value) or [value] if isinstance(each, str)]


def _object(holder: Subject, manifest: Any) -> Subject:  # noqa: ANN401 (data)
    version, kind = (str(at(manifest, key)) for key in ("apiVersion", "kind"))
    group = version if "/" in version else f"core/{version}"
    return Subject(f"kubernetes:{group}:{kind}", holder.urn, holder.logical_name, plain(manifest))
