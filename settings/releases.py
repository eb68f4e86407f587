"""The releases of a stack: each service's stable version, canary, weight and mirror percent.

Those of the service that `canaryService` names are keys of their own, such as `canaryWeight`; those
of any other are in `releases`, such as `releases.petservice.canaryWeight`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from settings.keys import Settings


@dataclass(frozen=True)
class Versions:
    """The versions of a service that get requests, and the config keys that say so.

    Attributes:
        stable: The version that gets the requests that the canary doesn't.
        canary: The version that is tried out; empty for none.
        weight: The canary's percent of the requests.
        mirror_percent: The percent of the requests that are mirrored to the canary.
        prefix: What the config keys start with: empty, or releases and the service's name.
    """

    stable: str
    canary: str
    weight: int
    mirror_percent: int
    prefix: str

    @property
    def running(self) -> tuple[str, ...]:
        """The versions that run: the stable one first, then the canary."""
        return tuple(filter(None, (self.stable, self.canary)))

    @property
    def keys(self) -> Mapping[str, str]:
        """The config key of each fact."""
        return {
            "stable": f"{self.prefix}stableVersion",
            "canary": f"{self.prefix}canaryVersion",
            "weight": f"{self.prefix}canaryWeight",
            "mirror": f"{self.prefix}canaryMirrorPercent",
        }


def versions_of(settings: Settings, built: Mapping[str, Sequence[str]], service: str) -> Versions:
    """The versions of a service that get requests.

    Args:
        settings: The stack's settings.
        built: For each service the versions that this checkout can build.
        service: The service's name.
    """
    if service == settings.canary_service:
        return Versions(
            settings.stable_version,
            settings.canary_version,
            settings.canary_weight,
            settings.canary_mirror_percent,
            "",
        )
    if release := settings.releases.get(service):
        return Versions(
            release.stable_version or built[service][0],
            release.canary_version,
            release.canary_weight,
            release.canary_mirror_percent,
            f"releases.{service}.",
        )
    return Versions(built[service][0], "", 0, 0, f"releases.{service}.")


def known_versions(
    settings: Settings, built: Mapping[str, Sequence[str]], service: str
) -> tuple[str, ...]:
    """Every version of a service that could run: those built here and those given."""
    given = (version for name, version in settings.given_images if name == service)
    return tuple(sorted({*built[service], *given}))


def release_problems(
    settings: Settings, built: Mapping[str, Sequence[str]], fixed: Mapping[str, str]
) -> Iterator[str]:
    """One line for each problem of the releases.

    Args:
        settings: Settings whose `canaryService` and `releases` name services.
        built: For each service the versions that this checkout can build.
        fixed: The services that can have no canary, and why.
    """
    if settings.canary_service in settings.releases:
        yield (
            f"releases.{settings.canary_service}: must be left out while canaryService is "
            f"{settings.canary_service}, whose keys are stableVersion, canaryVersion, "
            "canaryWeight and canaryMirrorPercent"
        )
        return
    if why := fixed.get(settings.canary_service):
        yield f"canaryService = {settings.canary_service}: must be another service: {why}"
    for service in built:
        yield from _service_problems(settings, built, service, fixed.get(service, ""))


def _service_problems(
    settings: Settings, built: Mapping[str, Sequence[str]], service: str, fixed: str
) -> Iterator[str]:
    release = versions_of(settings, built, service)
    keys, versions = release.keys, known_versions(settings, built, service)
    for fact, version in (("stable", release.stable), ("canary", release.canary)):
        if version and version not in versions:
            yield (
                f"{keys[fact]} = {version}: must be one of {', '.join(versions)}, which "
                f"apps/{service} and images name"
            )
    if release.stable == release.canary:
        removed = f"--path {keys['canary']}" if release.prefix else keys["canary"]
        yield (
            f"{keys['canary']} = {release.canary}: must differ from {keys['stable']}; "
            f"to have no canary run pulumi config rm {removed}"
        )
    elif release.canary and fixed:
        yield f"{keys['canary']} = {release.canary}: must be empty: {fixed}"
    for fact, percent in (("weight", release.weight), ("mirror", release.mirror_percent)):
        if percent and not release.canary:
            yield f"{keys[fact]} = {percent}: must be 0 while {keys['canary']} is not set"
