"""The EnvoyFilter of networking.istio.io, at gateways: HTTP filters, and edge settings."""

from typing import Annotated, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import ConfigDict, Discriminator, Field, Tag

from petmesh.mesh.fields import Fields, Metadata, exactly_one

Duration = Annotated[str, Field(pattern=r"^\d+(\.\d+)?s$")]


class EnvoyFields(Fields):
    """The base of models in Envoy's own form: field names in snake case."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=None, validate_by_name=True
    )


class TokenBucket(EnvoyFields):
    """A TokenBucket: its size, and how many tokens are added in which interval."""

    max_tokens: Annotated[int, Field(ge=1)]
    tokens_per_fill: Annotated[int, Field(ge=1)] = 1
    fill_interval: Duration


class FractionalPercent(EnvoyFields):
    """A FractionalPercent of all requests."""

    numerator: int
    denominator: Literal["HUNDRED", "TEN_THOUSAND", "MILLION"] = "HUNDRED"


class RuntimeFractionalPercent(EnvoyFields):
    """A RuntimeFractionalPercent; no runtime key is read here, only the default."""

    default_value: FractionalPercent
    runtime_key: str = ""


class HeaderValue(EnvoyFields):
    """A HeaderValue: name and value."""

    key: str
    value: str


class HeaderValueOption(EnvoyFields):
    """A HeaderValueOption: a header to add, or to give another value."""

    header: HeaderValue
    append_action: Literal[
        "APPEND_IF_EXISTS_OR_ADD",
        "ADD_IF_ABSENT",
        "OVERWRITE_IF_EXISTS_OR_ADD",
        "OVERWRITE_IF_EXISTS",
    ] = "APPEND_IF_EXISTS_OR_ADD"


class LocalRateLimit(EnvoyFields):
    """A LocalRateLimit: one token bucket for all requests."""

    type_: Annotated[
        Literal[
            "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
        ],
        Field(alias="@type"),
    ]
    stat_prefix: str
    token_bucket: TokenBucket
    filter_enabled: RuntimeFractionalPercent
    filter_enforced: RuntimeFractionalPercent
    response_headers_to_add: tuple[HeaderValueOption, ...] = ()


class RegexMatcher(EnvoyFields):
    """A RegexMatcher: a regular expression (RE2)."""

    regex: str


class RegexMatchAndSubstitute(EnvoyFields):
    """A RegexMatchAndSubstitute: what is put in the place of what matches."""

    pattern: RegexMatcher
    substitution: str


class MetadataValue(EnvoyFields):
    """A KeyValuePair: where a header's or cookie's value is noted; its own one by default."""

    metadata_namespace: str = ""
    key: Annotated[str, Field(min_length=1)]
    value: str = ""
    regex_value_rewrite: RegexMatchAndSubstitute | None = None
    type_: Annotated[Literal["STRING", "NUMBER"], Field(alias="type")] = "STRING"


class MetadataRule(EnvoyFields):
    """A Rule: a header or a cookie, and what is noted where it is present or missing."""

    header: str | None = None
    cookie: str | None = None
    on_header_present: MetadataValue | None = None
    on_header_missing: MetadataValue | None = None


class HeaderToMetadata(EnvoyFields):
    """A Config of header_to_metadata: headers and cookies of requests as dynamic metadata."""

    type_: Annotated[
        Literal["type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config"],
        Field(alias="@type"),
    ]
    request_rules: tuple[MetadataRule, ...]


def _filter_kind(config: object) -> str:
    """The tag of a filter's config: of data, or of a model that is written."""
    given = cast("dict[str, object]", config).get("@type") if isinstance(config, dict) else ""
    noted = isinstance(config, HeaderToMetadata) or ".header_to_metadata." in str(given)
    return "<metadata>" if noted else "<limit>"


class HttpFilter(EnvoyFields):
    """An HTTP filter."""

    name: Literal["envoy.filters.http.local_ratelimit", "envoy.filters.http.header_to_metadata"]
    typed_config: Annotated[
        Annotated[LocalRateLimit, Tag("<limit>")] | Annotated[HeaderToMetadata, Tag("<metadata>")],
        Discriminator(_filter_kind),
    ]


class HttpProtocolOptions(EnvoyFields):
    """HttpProtocolOptions: settings for every version of HTTP."""

    idle_timeout: Duration


class HeaderMutation(EnvoyFields):
    """A HeaderMutation of a request: a header is removed, or gets another value."""

    remove: str | None = None
    append: HeaderValueOption | None = None


class EarlyHeaderMutation(EnvoyFields):
    """The config of an early header mutation: headers change before a route is selected."""

    type_: Annotated[
        Literal[
            "type.googleapis.com/"
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
        ],
        Field(alias="@type"),
    ]
    mutations: tuple[HeaderMutation, ...]


class EarlyHeaderMutationExtension(EnvoyFields):
    """The extension envoy.http.early_header_mutation.header_mutation."""

    name: Literal["envoy.http.early_header_mutation.header_mutation"]
    typed_config: EarlyHeaderMutation


class HttpConnectionManager(EnvoyFields):
    """An HttpConnectionManager: each field replaces the one that istiod set."""

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
    common_http_protocol_options: HttpProtocolOptions | None = None
    strip_trailing_host_dot: bool = False
    early_header_mutation_extensions: tuple[EarlyHeaderMutationExtension, ...] = ()


class ConnectionManager(EnvoyFields):
    """The network filter envoy.filters.network.http_connection_manager."""

    name: Literal["envoy.filters.network.http_connection_manager"]
    typed_config: HttpConnectionManager


class SubFilterMatch(Fields):
    """A SubFilterMatch: the router, before which other HTTP filters are inserted."""

    name: Literal["envoy.filters.http.router"]


class FilterMatch(Fields):
    """A FilterMatch: the HTTP connection manager of a listener."""

    name: Literal["envoy.filters.network.http_connection_manager"]


class FilterMatchWithSubFilter(FilterMatch):
    """A FilterMatch of an HTTP connection manager and its router."""

    sub_filter: SubFilterMatch


Filter = TypeVar("Filter", bound=FilterMatch)


class FilterChainMatch(Fields, Generic[Filter]):
    """A FilterChainMatch: any filter chain that has the filter."""

    filter: Filter


class ListenerMatch(Fields, Generic[Filter]):
    """A ListenerMatch: any listener that has the filter chain."""

    filter_chain: FilterChainMatch[Filter]


class ConfigObjectMatch(Fields, Generic[Filter]):
    """An EnvoyConfigObjectMatch: every HTTP listener of a gateway."""

    context: Literal["GATEWAY"]
    listener: ListenerMatch[Filter]


class InsertPatch(Fields):
    """A Patch that inserts an HTTP filter."""

    operation: Literal["INSERT_BEFORE"]
    value: HttpFilter


class HttpFilterPatch(Fields):
    """An EnvoyConfigObjectPatch that inserts an HTTP filter before the router."""

    apply_to: Literal["HTTP_FILTER", "NETWORK_FILTER"]
    match: ConfigObjectMatch[FilterMatchWithSubFilter]
    patch: InsertPatch


class MergePatch(Fields):
    """A Patch that merges settings."""

    operation: Literal["MERGE"]
    value: ConnectionManager


class ConnectionManagerPatch(Fields):
    """An EnvoyConfigObjectPatch that merges settings of the HTTP connection manager."""

    apply_to: Literal["NETWORK_FILTER"]
    match: ConfigObjectMatch[FilterMatch]
    patch: MergePatch


def _kind(patch: object) -> str:
    """The tag of a patch: of data, or of a model that is written."""
    applied = cast("dict[str, object]", patch).get("applyTo") if isinstance(patch, dict) else ""
    manages = isinstance(patch, ConnectionManagerPatch) or applied == "NETWORK_FILTER"
    return "<manager>" if manages else "<filter>"


ConfigPatch = Annotated[
    Annotated[HttpFilterPatch, Tag("<filter>")]
    | Annotated[ConnectionManagerPatch, Tag("<manager>")],
    Discriminator(_kind),
]


class WorkloadSelector(Fields):
    """A WorkloadSelector: the pods of the EnvoyFilter's namespace that have these labels."""

    labels: Annotated[dict[str, str], Field(min_length=1)]


class EnvoyFilterSpec(Fields):
    """An EnvoyFilterSpec: one patch of the selected pods' Envoys."""

    workload_selector: WorkloadSelector
    config_patches: Annotated[tuple[ConfigPatch, ...], exactly_one()]


class EnvoyFilter(Fields):
    """An EnvoyFilter."""

    metadata: Metadata
    spec: EnvoyFilterSpec
