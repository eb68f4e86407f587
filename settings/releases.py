"""The releases of a stack: each service's stable version, canary, weight and previous version.

Those of the service that `canaryService` names are keys of their own, such as `canaryWeight`; those
of any other are in `releases`, such as `releases.petservice.canaryWeight`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from settings.keys import Settings
from settings.messages import readable


def now() -> datetime:
    """The present time, which decides whether a previous version still runs."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Versions:
    """The versions of a service that get requests, and the config keys that say so.

    Attributes:
        stable: The version that gets the requests that the canary doesn't.
        canary: The version that is tried out; empty for none.
        weight: The canary's percent of the requests.
        mirror_percent: The percent of the requests that are mirrored to the canary.
        prefix: What the config keys start with: empty, or releases and the service's name.
        keep_previous: How long a promotion keeps the old version; empty for not at all.
        previous: The version that was stable before; empty for none.
        previous_until: When that one ends, in UTC; empty for with the next promotion.
    """

    stable: str
    canary: str
    weight: int
    mirror_percent: int
    prefix: str
    keep_previous: str = ""
    previous: str = ""
    previous_until: str = ""

    @property
    def kept(self) -> str:
        """The previous version where it is still to run, and no other reason has it run."""
        if self.previous in (self.stable, self.canary):
            return ""
        ended = self.previous_until and now() >= datetime.fromisoformat(self.previous_until)
        return "" if ended else self.previous

    @property
    def running(self) -> tuple[str, ...]:
        """The versions that run: the stable one first, then the canary, then the previous one."""
        return tuple(filter(None, (self.stable, self.canary, self.kept)))

    @property
    def named(self) -> Mapping[str, str]:
        """The version that each config key names, by its fact; empty for none."""
        return {"stable": self.stable, "canary": self.canary, "previous": self.previous}

    @property
    def keys(self) -> Mapping[str, str]:
        """The config key of each fact."""
        return {
            "stable": f"{self.prefix}stableVersion",
            "canary": f"{self.prefix}canaryVersion",
            "weight": f"{self.prefix}canaryWeight",
            "mirror": f"{self.prefix}canaryMirrorPercent",
            "previous": f"{self.prefix}previousVersion",
            "previousUntil": f"{self.prefix}previousUntil",
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
            settings.keep_previous,
            settings.previous_version,
            settings.previous_until,
        )
    if release := settings.releases.get(service):
        return Versions(
            release.stable_version or built[service][0],
            release.canary_version,
            release.canary_weight,
            release.canary_mirror_percent,
            f"releases.{service}.",
            release.keep_previous,
            release.previous_version,
            release.previous_until,
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
            "canaryWeight, canaryMirrorPercent, keepPrevious, previousVersion and previousUntil"
        )
        return
    if why := fixed.get(settings.canary_service):
        yield f"canaryService = {settings.canary_service}: must be another service: {why}"
    for service in built:
        yield from _service_problems(settings, built, service, fixed.get(service, ""))
    for group, services in settings.release_groups.items():
        yield from _group_problems(f"releaseGroups.{group}", services, built, fixed)


def _group_problems(
    key: str, services: Sequence[str], built: Mapping[str, Sequence[str]], fixed: Mapping[str, str]
) -> Iterator[str]:
    able = [each for each in built if each not in fixed]
    for service in services:
        if service not in able:
            yield f"{key} = {readable(service)}: must be one of {', '.join(able)}"
    if len({*services}) < max(2, len(services)):
        yield f"{key} = {readable(','.join(services))}: must be two or more different services"


def _service_problems(
    settings: Settings, built: Mapping[str, Sequence[str]], service: str, fixed: str
) -> Iterator[str]:
    release = versions_of(settings, built, service)
    keys, versions = release.keys, known_versions(settings, built, service)
    for fact, version in release.named.items():
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
    if release.previous_until and not release.previous:
        yield (
            f"{keys['previousUntil']} = {release.previous_until}: must be empty while "
            f"{keys['previous']} is not set"
        )
