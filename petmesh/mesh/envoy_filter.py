"""EnvoyFilters at a gateway: Envoy's local rate limit, and settings of an edge proxy."""

from typing import Annotated, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import ConfigDict, Discriminator, Field, Tag

from petmesh.mesh.fields import Fields, Metadata, exactly_one

Duration = Annotated[str, Field(pattern=r"^\d+(\.\d+)?s$")]


class EnvoyFields(Fields):
    """Base of what is in Envoy's own form: its fields are in snake case."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=None, validate_by_name=True
    )


class TokenBucket(EnvoyFields):
    """Tokens that requests take, and how they come back."""

    max_tokens: Annotated[int, Field(ge=1)]
    tokens_per_fill: Annotated[int, Field(ge=1)] = 1
    fill_interval: Duration


class Fraction(EnvoyFields):
    """A part of all requests."""

    numerator: int
    denominator: Literal["HUNDRED", "TEN_THOUSAND", "MILLION"] = "HUNDRED"


class RuntimeFraction(EnvoyFields):
    """A fraction that Envoy's runtime could change; here nothing does."""

    default_value: Fraction
    runtime_key: str = ""


class HeaderValue(EnvoyFields):
    """A header."""

    key: str
    value: str


class HeaderOption(EnvoyFields):
    """A header to add."""

    header: HeaderValue
    append_action: Literal[
        "APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD"
    ] = "APPEND_IF_EXISTS_OR_ADD"


class LocalRateLimit(EnvoyFields):
    """Envoy's local rate limit, one bucket for all requests."""

    type_: Annotated[
        Literal[
            "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
        ],
        Field(alias="@type"),
    ]
    stat_prefix: str
    token_bucket: TokenBucket
    filter_enabled: RuntimeFraction
    filter_enforced: RuntimeFraction
    response_headers_to_add: tuple[HeaderOption, ...] = ()


class LocalRateLimitFilter(EnvoyFields):
    """The HTTP filter that holds it."""

    name: Literal["envoy.filters.http.local_ratelimit"]
    typed_config: LocalRateLimit


class Protocol(EnvoyFields):
    """What holds for each version of HTTP."""

    idle_timeout: Duration


class Removal(EnvoyFields):
    """A header of a request to take away."""

    remove: str


class EarlyMutation(EnvoyFields):
    """What is done to a request's headers before anything is decided by them."""

    type_: Annotated[
        Literal[
            "type.googleapis.com/"
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
        ],
        Field(alias="@type"),
    ]
    mutations: tuple[Removal, ...]


class EarlyMutationExtension(EnvoyFields):
    """The extension that does it."""

    name: Literal["envoy.http.early_header_mutation.header_mutation"]
    typed_config: EarlyMutation


class ManagerSettings(EnvoyFields):
    """Settings of a connection manager, each in the place of the one that it had."""

    type_: Annotated[
        Literal[
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
            ".HttpConnectionManager"
        ],
        Field(alias="@type"),
    ]
    request_headers_timeout: Duration | None = None
    request_timeout: Duration | None = None
    stream_idle_timeout: Duration | None = None
    common_http_protocol_options: Protocol | None = None
    strip_trailing_host_dot: bool = False
    early_header_mutation_extensions: tuple[EarlyMutationExtension, ...] = ()


class Manager(EnvoyFields):
    """A connection manager."""

    name: Literal["envoy.filters.network.http_connection_manager"]
    typed_config: ManagerSettings


class Router(Fields):
    """The filter that others are put before."""

    name: Literal["envoy.filters.http.router"]


class ConnectionManager(Fields):
    """Any connection manager."""

    name: Literal["envoy.filters.network.http_connection_manager"]


class ConnectionManagerWithRouter(ConnectionManager):
    """Any connection manager, and its filter."""

    sub_filter: Router


Filter = TypeVar("Filter", bound=ConnectionManager)


class FilterChain(Fields, Generic[Filter]):
    """Any filter chain that has such a filter."""

    filter: Filter


class Listener(Fields, Generic[Filter]):
    """Any listener that has such a chain."""

    filter_chain: FilterChain[Filter]


class Match(Fields, Generic[Filter]):
    """Where a patch applies: every HTTP listener of a gateway."""

    context: Literal["GATEWAY"]
    listener: Listener[Filter]


class Insertion(Fields):
    """What is put in."""

    operation: Literal["INSERT_BEFORE"]
    value: LocalRateLimitFilter


class HttpFilterPatch(Fields):
    """An HTTP filter that is put before the router."""

    apply_to: Literal["HTTP_FILTER", "NETWORK_FILTER"]
    match: Match[ConnectionManagerWithRouter]
    patch: Insertion


class Merging(Fields):
    """What is set."""

    operation: Literal["MERGE"]
    value: Manager


class ManagerPatch(Fields):
    """Settings of the connection manager."""

    apply_to: Literal["NETWORK_FILTER"]
    match: Match[ConnectionManager]
    patch: Merging


def _kind(patch: object) -> str:
    applied: object = (
        cast("dict[str, object]", patch).get("applyTo") if isinstance(patch, dict) else ""
    )
    return "<manager>" if applied == "NETWORK_FILTER" else "<filter>"


ConfigPatch = Annotated[
    Annotated[HttpFilterPatch, Tag("<filter>")] | Annotated[ManagerPatch, Tag("<manager>")],
    Discriminator(_kind),
]


class WorkloadSelector(Fields):
    """The pods of the filter's namespace that it applies to."""

    labels: Annotated[dict[str, str], Field(min_length=1)]


class EnvoyFilterSpec(Fields):
    """Patches of the selected pods' Envoys."""

    workload_selector: WorkloadSelector
    config_patches: Annotated[tuple[ConfigPatch, ...], exactly_one()]


class EnvoyFilter(Fields):
    """An Envoy filter."""

    metadata: Metadata
    spec: EnvoyFilterSpec
