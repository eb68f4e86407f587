"""The pack as the Pulumi engine starts it: `pulumi preview --policy-pack petmesh/guardrails`."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine starts this folder as a program: the package it belongs to lies two up.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from petmesh.guardrails.pack import RULES
from petmesh.guardrails.rules import policies
from petmesh.guardrails.secrets import keep_marks

keep_marks()
PolicyPack("petmesh", policies(RULES), enforcement_level=EnforcementLevel.MANDATORY)
