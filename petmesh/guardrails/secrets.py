"""Pulumi secrets: the engine says which values are, and the SDK forgets it for a rule."""

from typing import Any, Final, cast

from pulumi_policy import Secret, deserialize, policy

_SIGNATURE: Final = deserialize.SPECIAL_SIG_KEY


def keep_marks() -> None:
    """Have the SDK hand secrets to the rules of this process as `Secret`.

    Source:
        Analyze in https://github.com/pulumi/pulumi-policy/blob/master/sdk/python/lib/pulumi_policy/policy.py
    """
    policy.__dict__["deserialize_properties"] = with_marks


def with_marks(properties: dict[str, Any], *_: bool) -> dict[str, Any]:
    """Properties from the engine as the SDK reads them, with secrets as `Secret`."""
    return {key: _marked(value) for key, value in properties.items()}


def _marked(value: Any) -> Any:  # noqa: ANN401 (data)
    if isinstance(value, list):
        return [_marked(each) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    mapping = cast("dict[str, Any]", value)
    if mapping.get(_SIGNATURE) == deserialize.SPECIAL_SECRET_SIG:
        return Secret(_marked(mapping["value"]))
    asset = _SIGNATURE in mapping
    return deserialize.deserialize_properties({"": mapping})[""] if asset else with_marks(mapping)
