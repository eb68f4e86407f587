"""Every rule of the pack; all of them are mandatory."""

from importlib import import_module
from typing import Final

from petmesh.guardrails.rules import Rule, rules

# What they check besides the tables is registered as they are imported.
_MODULES: Final = (
    *("budgets", "callers", "credentials", "gcp", "kinds", "mesh"),
    *("namespaces", "network", "public_addresses", "rights", "routes", "supply"),
)
_FILES: Final = ("kinds.yaml", "cloud.yaml", "kubernetes.yaml", "mesh.yaml")
for module in _MODULES:
    import_module(f"petmesh.guardrails.{module}")
RULES: tuple[Rule, ...] = tuple(rule for file in _FILES for rule in rules(file))
