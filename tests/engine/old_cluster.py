"""A cluster that exists, and nothing else."""

from infra.platform import existing_platform
from stack.ending import told_once

with told_once():
    existing_platform("kind-old", "", "")
