"""Plain data from the SDK's protobuf values, and the marks of secrets and unknowns in them.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/properties.go
"""

from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_SIGNATURE

from petmesh.program.declaration import UNKNOWN

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a public constant)
_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"


def as_secret(value: Any) -> dict[str, Any]:  # noqa: ANN401 (data)
    """Return a value marked as secret."""
    return {_SIGNATURE: _SECRET, "value": value}


def is_secret(value: struct_pb2.Value | None) -> bool:
    """Return whether a protobuf value is marked as secret; False for None."""
    return (
        value is not None
        and value.WhichOneof("kind") == "struct_value"
        and value.struct_value.fields[_SIGNATURE].string_value == _SECRET
    )


def plain_struct(value: struct_pb2.Struct, secrets: set[str], path: str = "") -> dict[str, Any]:
    """Return plain data of a protobuf struct.

    Args:
        value: the struct.
        secrets: the paths of secrets, such as `data.password`, are added to it.
        path: the struct's own path.
    """
    return {
        key: _plain(item, secrets, f"{path}.{key}" if path else key)
        for key, item in sorted(value.fields.items())
    }


def _plain(value: struct_pb2.Value, secrets: set[str], path: str) -> Any:  # noqa: ANN401 (data)
    """Return plain data of a protobuf value; the paths of its secrets are added to `secrets`."""
    match value.WhichOneof("kind"):
        case "struct_value":
            fields = value.struct_value.fields
            signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
            if signature == _SECRET:
                secrets.add(path)
                plain = _plain(fields["value"], secrets, path)
            elif signature == _REFERENCE:
                plain = fields["urn"].string_value
            else:
                plain = plain_struct(value.struct_value, secrets, path)
        case "list_value":
            plain = [
                _plain(item, secrets, f"{path}[{index}]")
                for index, item in enumerate(value.list_value.values)
            ]
        case "string_value":
            text = value.string_value
            plain = UNKNOWN if text == UNKNOWN_SIGNATURE else text
        case "number_value":
            number = value.number_value
            plain = int(number) if number.is_integer() else number
        case "bool_value":
            plain = value.bool_value
        case _:
            plain = None
    return plain
