"""The pack as the Pulumi engine starts it: `pulumi preview --policy-pack policy`."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine starts this folder as a program: the package it belongs to lies one up.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policy.pack import RULES
from policy.rules import policies

PolicyPack("petmesh", policies(RULES), enforcement_level=EnforcementLevel.MANDATORY)
