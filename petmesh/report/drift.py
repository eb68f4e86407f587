"""A stack's drift as Markdown: where what is there isn't what the program declares."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT

from petmesh.program.declaration import UNKNOWN, Resource
from petmesh.program.difference import Difference, differences
from petmesh.report.review import block, grouped, inline

# The engine's steps that change a resource; a replacement has two more of its own.
_CHANGES = ("create", "delete", "replace", "update")


class DriftError(Exception):
    """The engine's answer is no plan; the text says why, in one line."""


def drift_of(told: str) -> tuple[Difference, ...]:
    """Return the differences between what is there and what the program declares.

    Args:
        told: what `pulumi preview --refresh --json` printed.

    Raises:
        DriftError: it is no plan.
    """
    try:
        plan = json.loads(told)
        steps: list[Mapping[str, Any]] = [each for each in plan["steps"] if each["op"] in _CHANGES]
        before = [_resource(each["oldState"]) for each in steps if each.get("oldState")]
        after = [_resource(each["newState"]) for each in steps if each["op"] != "delete"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DriftError(f"the engine's preview is no plan: {type(error).__name__}") from error
    return (*differences(before, after), *_otherwise(steps))


def _otherwise(steps: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """What the engine would change though its inputs are what is declared."""
    for step in steps:
        if step["op"] in ("replace", "update"):
            old, new = _resource(step["oldState"]), _resource(step["newState"])
            if new.custom and not differences([old], [new]):
                reasons = ", ".join(sorted(step.get("diffReasons") or ())) or "its state"
                yield Difference("~", new.type, new.name, note=f"{step['op']}: {reasons}")


def markdown(stack: str, found: Sequence[Difference]) -> str:
    """Return a stack's drift as Markdown; empty where there is none."""
    if not found:
        return ""
    count = f"{len(found)} resource{'s differ' if len(found) > 1 else ' differs'}"
    meant = (
        f"{count} from what the program declares. In each line what is there comes first, then "
        "what is declared, which an `up` restores: `+` is missing, `-` isn't declared."
    )
    lines = [f"### Drift of `{inline(stack)}`", "", meant, "", *block(grouped(found), "diff")]
    return "\n".join(lines).rstrip() + "\n"


def _resource(state: Mapping[str, Any]) -> Resource:
    urn = str(state["urn"])
    return Resource(
        type=str(state["type"]),
        name=urn.rpartition("::")[2],
        urn=urn,
        parent=str(state.get("parent", "")),
        custom=bool(state.get("custom")),
        inputs=_known(state.get("inputs") or {}),
        outputs={},
    )


def _known(value: Any) -> Any:  # noqa: ANN401 (data)
    if value == UNKNOWN_TEXT:
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _known(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_known(each) for each in cast("list[Any]", value)]
    return value
