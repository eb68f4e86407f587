"""Stack config as one frozen, validated object; nothing else reads config.

Pulumi.yaml declares the keys, their types, defaults and descriptions. Checked here is what Pulumi's
config schema can't say: ranges, forms, unknown keys and contradictions.
"""

from settings.contradictions import known_versions, running_versions
from settings.forms import ROOT
from settings.keys import PROJECT, OutsideHost, Settings
from settings.reading import ConfigError, load

__all__ = [
    "PROJECT",
    "ROOT",
    "ConfigError",
    "OutsideHost",
    "Settings",
    "known_versions",
    "load",
    "running_versions",
]
