"""Every object of Istio and of the Gateway API in Istio's own source, wherever it is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from petmesh.program import go_yaml

Body = dict[str, Any]
PARTS: Final = ("samples", "pilot", "tests")
GROUPS: Final = (
    *("networking.istio.io", "security.istio.io", "telemetry.istio.io"),
    "gateway.networking.k8s.io",
)
_GO_TEXT: Final = re.compile(r"`([^`]*)`")
_TEMPLATED: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CONTROL: Final = re.compile(r"-?\s*(if|else|end|range|with|define|template|block|/\*|\$\w+ :?=)")
_DEFAULT: Final = re.compile(r'default "([^"]+)"')
_NAMES: Final = re.compile(r"\.?([A-Za-z]\w*)")
# What stands in a placeholder's place, by a part of its name.
_VALUES: Final = {
    "jwks": "https://example.com/jwks",
    "mtlsmode": "STRICT",
    "tlsmode": "DISABLE",
    "mode": "SIMPLE",
    "resolution": "NONE",
    "protocol": "HTTP",
    "timeout": "5s",
    "weight": "50",
    "percent": "50",
    "port": "8080",
}


@dataclass(frozen=True)
class Found:
    """An object, and the file that it is in."""

    file: str
    body: Body

    @property
    def kind(self) -> str:
        """Its kind; a Gateway's with the API that it is of."""
        kind, group = str(self.body["kind"]), str(self.body["apiVersion"])
        return "Gateway of the Gateway API" if kind == "Gateway" and "k8s.io" in group else kind

    @property
    def told(self) -> str:
        """Its kind and name, and its file."""
        return f"{self.body['kind']} {self.body['metadata']['name']} in {self.file}"


def every(source: Path) -> list[Found]:
    """The objects in files of YAML, in templates with a value for each placeholder, and in Go."""
    return [
        Found(str(file.relative_to(source)), body)
        for part in PARTS
        for file in sorted((source / part).rglob("*"))
        for text in _texts(file)
        for body in _objects(_filled(text))
    ]


def _texts(file: Path) -> Iterator[str]:
    if file.suffix in (".yaml", ".yml", ".tmpl"):
        yield file.read_text(encoding="utf-8", errors="replace")
    elif file.suffix == ".go":
        for text in _GO_TEXT.findall(file.read_text(encoding="utf-8")):
            if "apiVersion:" in text and "kind:" in text:
                yield text


def _filled(text: str) -> str:
    return _TEMPLATED.sub(_value, text)


def _value(found: re.Match[str]) -> str:
    expression = found[1].strip().strip("-").strip()
    if _CONTROL.match(expression):
        return ""
    if default := _DEFAULT.search(expression):
        return default[1]
    *_, name = _NAMES.findall(expression) or ["a"]
    known = (value for part, value in _VALUES.items() if part in name.lower())
    return next(known, re.sub("[^a-z0-9]+", "-", name.lower()).strip("-"))


def _objects(text: str) -> Iterator[Body]:
    for document in re.split(r"(?m)^---.*$", text):
        try:
            held = go_yaml.load_all(document) if any(g in document for g in GROUPS) else ()
            bodies = list(held)
        except (yaml.YAMLError, ValueError):
            continue
        for body in bodies:
            given = cast("Body", body) if isinstance(body, dict) else Body()
            metadata: Any = given.get("metadata")
            named = isinstance(metadata, dict) and cast("Body", metadata).get("name")
            group = str(given.get("apiVersion")).partition("/")[0]
            if named and given.get("kind") and group in GROUPS:
                yield given
