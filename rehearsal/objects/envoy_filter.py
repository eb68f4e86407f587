"""EnvoyFilters: the one shape that the rehearsal knows, Envoy's local rate limit at a gateway."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from rehearsal.objects.fields import Fields, Metadata, exactly_one


class EnvoyFields(Fields):
    """Base of what is in Envoy's own form: its fields are in snake case."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=None, validate_by_name=True
    )


class TokenBucket(EnvoyFields):
    """Tokens that requests take, and how they come back."""

    max_tokens: Annotated[int, Field(ge=1)]
    tokens_per_fill: Annotated[int, Field(ge=1)] = 1
    fill_interval: Annotated[str, Field(pattern=r"^\d+(\.\d+)?s$")]


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


class Router(Fields):
    """The filter that others are put before."""

    name: Literal["envoy.filters.http.router"]


class ConnectionManager(Fields):
    """Where HTTP filters are."""

    name: Literal["envoy.filters.network.http_connection_manager"]
    sub_filter: Router


class FilterChain(Fields):
    """Any filter chain that has such a filter."""

    filter: ConnectionManager


class Listener(Fields):
    """Any listener that has such a chain."""

    filter_chain: FilterChain


class Match(Fields):
    """Where a patch applies: every HTTP listener of a gateway."""

    context: Literal["GATEWAY"]
    listener: Listener


class Patch(Fields):
    """What is put in."""

    operation: Literal["INSERT_BEFORE"]
    value: LocalRateLimitFilter


class ConfigPatch(Fields):
    """One patch."""

    apply_to: Literal["HTTP_FILTER"]
    match: Match
    patch: Patch


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
