"""A service's entry, `service.yaml` in its folder, and what each of its keys allows."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from settings.forms import LONGEST, Version, each_once, matches, visible

# A workload's name is SERVICE-VERSION, of at most 63 characters.
SERVICE_NAME = r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?"
# The stack's other objects in the services' namespace, and the containers that Istio injects.
TAKEN_NAMES = (
    *("allow-nothing", "default", "default-deny", "dog-api", "dog-api-egress"),
    *("istio-init", "istio-proxy", "istio-validation"),
)
# Istio's own ports, and those that a container's user may not listen on.
# https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
FIRST_PORT, ISTIO_PORTS = 1024, range(15000, 15100)
# A retry of these changes nothing. https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Variables that the stack sets itself: the workload's own, and OpenTelemetry's (OTEL_).
OWN_VARIABLES = ("HOST", "HTTP_PROXY", "PORT", "SERVICE_VERSION")
# The outside hosts of the stack's config: `dogApi` stands for dogApiEnabled, -Host and -Path.
OutsideName = Literal["dogApi"]
Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def _port(value: int) -> int:
    if value in ISTIO_PORTS:
        raise ValueError
    return value


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError
    return each_once(values)


def _text(value: str) -> str:
    # Kubernetes puts a variable's value for $(NAME), and $ for $$.
    if not visible(value) or "$(" in value or "$$" in value:
        raise ValueError
    return value


def _quantity(value: object) -> object:
    return str(value) if type(value) in (int, float) else value


_SEGMENT = r"([\w.~!$&'()+,;=:@-]|%[0-9A-F]{2})+"
Variable = Annotated[str, matches(r"(?!OTEL_)[A-Z][A-Z0-9_]*")]
Text = Annotated[str, AfterValidator(_text), Field(max_length=LONGEST)]
Path = Annotated[str, matches(rf"/(({_SEGMENT}|\{{\*\}})/)*({_SEGMENT}|\{{\*\*?\}})?")]
Cpu = Annotated[str, BeforeValidator(_quantity), matches(r"[1-9]\d{0,5}m|\d{1,3}(\.\d{1,3})?")]
Memory = Annotated[str, matches(r"[1-9]\d{0,5}(Mi|Gi)")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OutsideUse(_Strict):
    """The environment variables by which a service reaches an outside host.

    Attributes:
        url: Holds the URL.
        proxy: Holds the address of the pod's own proxy, which the URL is requested from.
    """

    url: Variable = Field(description="the name of an environment variable")
    proxy: Variable = Field(description="the name of an environment variable")


class Quantities(_Strict):
    """CPU and memory."""

    cpu: Cpu = Field(description="cores such as 100m or 1")
    memory: Memory = Field(description="mebibytes or gibibytes such as 96Mi or 1Gi")


class Resources(_Strict):
    """A container's requests and limits."""

    requests: Quantities = Field(description="a map of cpu and memory")
    limits: Quantities = Field(description="a map of cpu and memory")


# The memory's limit is what petservice takes at most: 40 MiB at rest, 42 under load, and 220 while
# 1,000 connections each hold a head of 58 KiB and an endless body: 200 of each of five gateway pods
# (istio/destinations.py).
DEFAULT_RESOURCES = Resources(
    requests=Quantities(cpu="100m", memory="96Mi"), limits=Quantities(cpu="1", memory="256Mi")
)


class Entry(_Strict):
    """A service. A field's description says what its key allows.

    Attributes:
        port: The TCP port that it serves HTTP on.
        paths: The paths that its callers may request, as Istio path templates.
        methods: The HTTP methods that its callers may use.
        public: The path prefix that the ingress routes to it; empty for a service that isn't
            public.
        calls: The services that it calls: the environment variable with its URL, and its name.
        outside: The outside hosts that it calls, by their name in the stack's config.
        environment: Further environment variables.
        versions: The versions that are built of it; empty for those in its folder `versions`, or
            v1 alone where it has none.
        resources: The container's requests and limits.
    """

    port: Annotated[int, AfterValidator(_port)] = Field(
        ge=FIRST_PORT,
        le=65535,
        description=f"a whole number from {FIRST_PORT} to 65535, none of Istio's ports "
        f"{ISTIO_PORTS[0]} to {ISTIO_PORTS[-1]}",
    )
    paths: Annotated[tuple[Path, ...], AfterValidator(_some)] = Field(
        strict=False,
        description="a list of different paths such as /pet/{*}, where {*} is one segment and a "
        "last {**} any number",
    )
    methods: Annotated[tuple[Method, ...], AfterValidator(_some)] = Field(
        default=("GET",),
        strict=False,
        description="a list of different methods such as GET, HEAD, POST",
    )
    public: Annotated[str, matches(rf"(/({_SEGMENT}/)*)?")] = Field(
        default="", description="a path prefix such as /pet/, which starts and ends with /"
    )
    calls: Mapping[Variable, str] = Field(
        default_factory=dict[str, str],
        description="a map of environment variables to the names of other services in apps/",
    )
    outside: Mapping[OutsideName, OutsideUse] = Field(
        default_factory=dict[OutsideName, OutsideUse],
        description="a map of outside hosts (dogApi) to their variables url and proxy",
    )
    environment: Mapping[Variable, Text] = Field(
        default_factory=dict[str, str],
        description="a map of environment variables to texts (numbers in quotes) of at most "
        f"{LONGEST} characters, without $( or $$, which Kubernetes would replace",
    )
    versions: Annotated[tuple[Version, ...], AfterValidator(each_once)] = Field(
        default=(), strict=False, description="a list of different versions such as v1"
    )
    resources: Resources = Field(
        default=DEFAULT_RESOURCES,
        description="a map of requests and limits, each of cpu and memory",
    )
