"""What a program tells of its releases: the outputs `releases` and `releaseGroups`."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from petmesh.program.config_keys import is_path
from petmesh.program.plain import Plain, plain

OUTPUT: Final = "releases"
GROUPS_OUTPUT: Final = "releaseGroups"
# Text that is the name of a folder too.
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class ExportError(Exception):
    """An output isn't as it must be; the text names it in one line."""


class ReleaseRoute(BaseModel):
    """A VirtualService that has the weights.

    Attributes:
        urn: its URN in the stack's state.
        kind: VirtualService.
        http: the name of its HTTP route with the weights, which names both versions at weight 0
            too, and without a canary the stable version alone.
    """

    model_config = ConfigDict(frozen=True)

    urn: str
    kind: str
    http: str


class ReleaseKeys(BaseModel):
    """The config keys of a release, as `pulumi config set --path` takes them.

    Those of the version that was stable before are empty where the program keeps none.
    """

    model_config = ConfigDict(frozen=True)

    stable: str
    canary: str
    weight: str
    mirror: str
    previous: str = ""
    previous_until: str = Field(default="", alias="previousUntil")


class ExportedRelease(BaseModel):
    """An entry of the output `releases`; what is live is in its route.

    Attributes:
        service: the Service's name.
        namespace: the namespace of the Service and its workloads.
        route: where the weights are.
        further_routes: other routes with the same weights, of a service that has several.
        workloads: the Deployment of each version, whether it runs or not; the program's resources
            of a version have that name, or one that begins with it and a hyphen.
        config: the config keys.
        host: the service's full name; empty where it isn't told.
        stable, canary: the versions as they were declared; an empty canary means none.
        weight: the canary's percent of the requests as it was declared, 0 to 100.
        keep_previous: how long a promotion keeps the old version: nextRelease, or a time such as
            24h; empty for not at all.
        previous: the version that is kept; empty for none.
        previous_until: when that one ends; None for with the next promotion.
    """

    model_config = ConfigDict(frozen=True)

    service: Plain
    namespace: Plain
    route: ReleaseRoute
    further_routes: tuple[ReleaseRoute, ...] = Field(default=(), alias="furtherRoutes")
    workloads: Mapping[str, Plain]
    config: ReleaseKeys
    host: Plain = ""
    stable: Plain = ""
    canary: Plain = ""
    weight: int = Field(default=0, ge=0, le=100)
    keep_previous: Plain = Field(default="", alias="keepPrevious")
    previous: Plain = ""
    previous_until: Annotated[AwareDatetime | None, BeforeValidator(lambda text: text or None)] = (
        Field(default=None, alias="previousUntil")
    )

    @property
    def routes(self) -> tuple[ReleaseRoute, ...]:
        """Every route with the weights, the first one first."""
        return self.route, *self.further_routes

    @property
    def has_own_key(self) -> bool:
        """Whether its weight is a config key of its own, such as canaryWeight."""
        return not is_path(self.config.weight)

    def version_of(self, host: str, subset: str) -> str:
        """The version behind a route's destination: by its subset, else by its host.

        Args:
            host: a Service's name, full or not; that of a version's own is its workload's.
            subset: the version or its workload; empty for none.

        Raises:
            ExportError: it is that of no version.
        """
        named = subset or host.partition(".")[0]
        if subset in self.workloads:
            return subset
        for version, workload in self.workloads.items():
            if workload == named:
                return version
        known = ", ".join(self.workloads) or "none"
        raise ExportError(
            f"output {OUTPUT}.{self.service}.workloads: "
            f"it has {plain(known)} and not {plain(named)}"
        )


_GROUPS = TypeAdapter(dict[str, tuple[str, ...]])
_RELEASES = TypeAdapter(dict[str, ExportedRelease])


def read_releases(outputs: Mapping[str, Any]) -> Mapping[str, ExportedRelease]:
    """The releases in a stack's outputs, by service; none where there is no such output.

    Raises:
        ExportError: the output is of another form.
    """
    return _validated(_RELEASES, outputs.get(OUTPUT, {}), OUTPUT)


def read_groups(outputs: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """The services that are released together, in order, by the group's name.

    Raises:
        ExportError: the output `releaseGroups` is of another form.
    """
    return _validated(_GROUPS, outputs.get(GROUPS_OUTPUT, {}), GROUPS_OUTPUT)


def _validated(adapter: TypeAdapter[Any], held: object, output: str) -> Any:  # noqa: ANN401
    try:
        return adapter.validate_python(held)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (output, *first["loc"])))
        raise ExportError(f"output {plain(key)}: {first['msg']}") from error
