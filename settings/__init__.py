"""Stack config as one frozen, validated object; nothing else reads config.

Pulumi.yaml declares the keys, their types, defaults and descriptions. Here is what Pulumi's config
schema can't check: ranges, formats, unknown keys and contradictions.
"""

from settings.forms import ROOT
from settings.keys import PROJECT, OutsideHost, Settings
from settings.owners import followed
from settings.reading import ConfigError, load
from settings.releases import Versions, known_versions, versions_of

__all__ = [
    "PROJECT",
    "ROOT",
    "ConfigError",
    "OutsideHost",
    "Settings",
    "Versions",
    "followed",
    "known_versions",
    "load",
    "versions_of",
]
