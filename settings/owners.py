"""Whose key is whose, where a platform and its applications have stacks of their own."""

from collections.abc import Iterator, Mapping
from typing import Literal

from petmesh.program.go_yaml import as_text
from petmesh.program.stack_config import project_defaults
from settings.forms import ROOT
from settings.keys import PROJECT, Settings

Owner = Literal["all", "platform", "application"]
# The keys of either stack.
SHARED = {"deletionProtection", "gcp:project", "kubeContext", "maxReplicas", "minReplicas", "owner"}
# The keys of an application's stack. Those that are in neither are the platform's.
APPLICATION = {
    "canaryMirrorPercent",
    "canaryService",
    "canaryVersion",
    "canaryWeight",
    "images",
    "keepPrevious",
    "namespace",
    "platformStack",
    "previousUntil",
    "previousVersion",
    "releases",
    "stableVersion",
}
# What a stack with everything has, and a platform's has in `applications`.
WHOLE = {"ingressHosts"}
# The platform's keys that an application follows.
FOLLOWED = {
    "dogApiEnabled",
    "dogApiHost",
    "dogApiPath",
    "egressGateway",
    "imagePlatform",
    "imageRegistry",
    "ingressServiceType",
    "ingressTls",
    "istioCanaryNamespaces",
    "istioCanaryVersion",
    "istioCharts",
    "istioUpgrades",
    "istioVersion",
    "metrics",
    "platform",
    "tracing",
    "userCookie",
    "userCookieAttributes",
    "userCookieDays",
}


def followed(settings: Settings) -> Mapping[str, str]:
    """The config of a platform's stack that its applications follow, as text by key."""
    held = settings.model_dump(mode="json", by_alias=True)
    return {key: as_text(held[key]) for key in sorted(FOLLOWED)}


def of_another_owner(own: Mapping[str, str], owner: Owner) -> Iterator[tuple[str, str]]:
    """The keys that are set in a stack though another owner's has them, and why.

    Args:
        own: The stack's config as text by key, with the defaults of Pulumi.yaml.
        owner: The stack's owner.
    """
    defaults = project_defaults(ROOT, PROJECT)
    for key in own:
        if own[key] != defaults.get(f"{PROJECT}:{key}") and (why := _another(key, owner)):
            yield key, f"{why}; leave it out while owner is {owner}"


def _another(key: str, owner: Owner) -> str:
    if owner == "all":
        others = {"applications": "platform", "platformStack": "application"}
        return f"is for owner {others[key]}" if key in others else ""
    if owner == "platform":
        return "belongs to the stacks of applications" if key in APPLICATION | WHOLE else ""
    return "" if key in APPLICATION | SHARED else "belongs to the platform's stack"


def unset(settings: Settings) -> Iterator[str]:
    """One line for what a stack of its owner can't do without."""
    if settings.owner == "platform" and not settings.applications:
        yield (
            "applications is not set: run "
            "pulumi config set --path 'applications.NAMESPACE.hosts[0]' HOST"
        )
    if settings.owner == "application" and not settings.platform_stack:
        yield (
            "platformStack is not set: run "
            "pulumi config set platformStack ORGANIZATION/PROJECT/STACK"
        )
