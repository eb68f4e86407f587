"""The labels of a stack's resources in Google Cloud."""

import re
from collections.abc import Mapping

import pulumi

from settings import Settings


def resource_labels(settings: Settings) -> Mapping[str, str]:
    """The labels of the config, and the stack's name.

    Source:
        https://cloud.google.com/resource-manager/docs/labels-overview#requirements
    """
    stack = re.sub(r"[^a-z0-9_-]", "-", pulumi.get_stack().lower())[:63]
    return {**settings.label_values, "stack": stack}
