"""What an annotation says of a pod's own proxy."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from petmesh.guardrails.rules import check_field, table
from petmesh.guardrails.subject import Trouble

_PROXY: Final = table("mesh.yaml", "$proxy")


@check_field("marks-are-known", "object", "metadata.annotations[proxy.istio.io/config]")
@check_field("marks-are-known", "template", "metadata.annotations[proxy.istio.io/config]")
def _proxy(path: str, text: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if text is None:
        return
    try:
        config = yaml.safe_load(str(text))
    except yaml.YAMLError:
        config = None
    if isinstance(config, Mapping):
        yield from _PROXY(path, config)
    else:
        yield Trouble(path, text, "write it as YAML")
