"""A cluster that exists, and nothing else."""

from infra.platform import existing_platform
from stack.ending import report_errors

with report_errors():
    existing_platform("kind-old", "", "", ["1.31.1"])
