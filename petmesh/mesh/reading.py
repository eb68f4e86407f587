"""Reads a declared object by its model, and as an API server would."""

from petmesh.mesh.fields import Fields, RefusedError
from petmesh.mesh.resources import namespace_of
from petmesh.program.declaration import Resource

# How the reason for an object that does nothing here begins.
NO_EFFECT = "it has no effect here"


def read_object(
    resource: Resource, model: type[Fields], what: str, *, lenient: bool
) -> tuple[Fields, tuple[str, ...]]:
    """Return an object, and the paths of the fields that its model doesn't know.

    Args:
        resource: the declared object.
        model: of its kind.
        what: the object's name in an error.
        lenient: whether fields that the model doesn't know are left out, and not refused.

    Raises:
        RefusedError: a field is unknown or holds a value that the rehearsal can't translate.
    """
    data = {k: v for k, v in resource.inputs.items() if k not in ("apiVersion", "kind")}
    data["metadata"] = {
        **data.get("metadata", {}),
        "name": resource.outputs["metadata"]["name"],
        "namespace": namespace_of(resource),
    }
    return model.read_known(data, what) if lenient else (model.read(data, what), ())


def check_schema(resource: Resource, kind: str, what: str) -> None:
    """Check an object of Istio as the API server would.

    Raises:
        RefusedError: the API server refuses it.
    """
    if ".istio.io/" in resource.type:
        from petmesh.mesh.crds.check import problems  # noqa: PLC0415 (its libraries load slowly)

        found = [f"{what}: {line}" for line in problems(kind, resource.inputs.get("spec"))]
        if found:
            raise RefusedError("\n".join(found))


def without_effect(error: RefusedError, what: str) -> str:
    """Return why an object does nothing here: the first of what its model refuses."""
    return f"{NO_EFFECT}: {str(error).splitlines()[0].removeprefix(f'{what}: ')}"
