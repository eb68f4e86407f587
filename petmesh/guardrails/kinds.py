"""Resource kinds that are known; any other is refused by name until it is listed."""

from collections.abc import Iterator, Mapping
from typing import Final

from petmesh.guardrails.rules import check, is_judged, read
from petmesh.guardrails.shape import LIST
from petmesh.guardrails.subject import PODS, Subject, Violation

_TABLE: Final = read("kinds.yaml")


def _kinds(told: Mapping[str, str]) -> set[str]:
    return {f"{api}/{kind}" for api, kinds in told.items() for kind in kinds.split()}


_HARMLESS: Final = _kinds(_TABLE["$harmless"]) | {*PODS}
_WHOLE: Final = _kinds(_TABLE["$whole"])
# The engine's own, the program's components, and values that are made up once.
_PACKAGES: Final = ("pulumi", "petmesh", "random", "time")


@check("kinds-are-known")
def _unknown(subject: Subject) -> Iterator[Violation]:
    known = (
        subject.of in _HARMLESS or subject.type.partition(":")[0] in _PACKAGES or is_judged(subject)
    )
    if not known and not _is_list(subject):
        order = _TABLE["$instead"].get(subject.of, "no rule judges it: remove it")
        yield Violation("type", subject.type, f"{order}, or list it in {LIST} with the reason")


def _is_list(subject: Subject) -> bool:
    return bool(subject.api) and subject.kind.endswith("List") and "items" in subject.properties


@check("objects-stand-alone")
def _alone(subject: Subject) -> Iterator[Violation]:
    if _is_list(subject):
        yield Violation(
            "kind", subject.kind, "declare each of its objects as a resource of its own"
        )
    if subject.is_patch and subject.of in _WHOLE and "spec" in subject.properties:
        fix = "change the object where it is declared: no rule sees what a patch makes of it"
        yield Violation("spec", "patched", fix)
