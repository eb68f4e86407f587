"""What the engine needs to take over what a stack has in Google Cloud, when its state is lost."""

from collections.abc import Iterator, Mapping
from typing import Any

from petmesh.program.declaration import STACK_TYPE, Declaration, Resource
from petmesh.program.google_ids import google_id

GOOGLE_PROJECT = "gcp:project"


def import_file(declaration: Declaration) -> Mapping[str, Any]:
    """The resources that can't be created again, with the components around them, as JSON has it.

    Objects in a cluster aren't among them: their provider takes them over. Nor is what Google Cloud
    lets be created again, such as a grant.

    Source:
        https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-resources
    """
    project = declaration.config.get(GOOGLE_PROJECT, "")
    by_urn = {each.urn: each for each in declaration.resources}
    entries: dict[str, Mapping[str, Any]] = {}
    for each in declaration.resources:
        if id_ := google_id(each.type, each.inputs, project):
            for around in reversed([*_around(each, by_urn)]):
                entries.setdefault(around.urn, _entry(around, by_urn, component=True))
            entries[each.urn] = _entry(each, by_urn, id=id_, version=each.version)
    return {"resources": [*entries.values()]}


def _around(resource: Resource, by_urn: Mapping[str, Resource]) -> Iterator[Resource]:
    while (parent := by_urn.get(resource.parent)) and parent.type != STACK_TYPE:
        yield parent
        resource = parent


def _entry(resource: Resource, by_urn: Mapping[str, Resource], **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 (data)
    entry = {"type": resource.type, "name": _unique(resource), "logicalName": resource.name, **more}
    parent = by_urn.get(resource.parent)
    if parent and parent.type != STACK_TYPE:
        entry["parent"] = _unique(parent)
    return entry


def _unique(resource: Resource) -> str:
    """A name in the file; a component may be called as another resource is."""
    return f"{resource.type.rpartition(':')[2]} {resource.name}"
