"""Stack config as one frozen, validated object; nothing else reads config.

Pulumi.yaml declares the keys, their types, defaults and descriptions. Checked here is what Pulumi's
config schema can't say: ranges, forms, unknown keys and contradictions.
"""

import difflib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

ROOT = Path(__file__).parent
PROJECT = "petmesh"
CANARY_SERVICE = "petdetailsservice"
SHOWN_CHARACTERS = 300
CHARTS = ("base", "cni", "istiod", "gateway")
TAKEN_NAMESPACES = ("default", "istio-system", "istio-ingress", "istio-egress", "observability")

DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
DNS_NAME = rf"({DNS_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
HOST = r"[a-z0-9]+([.-][a-z0-9]+)*(:[1-9][0-9]{0,4})?"
REPOSITORY = rf"{HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
# Nobody owns a name under these: https://www.iana.org/assignments/special-use-domain-names
SPECIAL_USE = (".localhost", ".local", ".internal", ".test", ".example", ".invalid")
TAG_OR_DIGEST = r"(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}|:[\w][\w.-]{0,127}"


class ConfigError(pulumi.RunError):
    """Config that can't be used; the text has one line for each problem. Nothing was declared."""


def _matches(pattern: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII) or not value.isprintable():
            raise ValueError
        return value

    return AfterValidator(check)


def _whole(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"0|-?[1-9][0-9]{0,8}", value):
        raise ValueError
    return int(value)


def _true_or_false(value: object) -> object:
    if value not in ("true", "false"):
        raise ValueError
    return value == "true"


def _array(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except RecursionError:
        raise ValueError from None


def _ipv4_range(value: str) -> str:
    if str(ipaddress.IPv4Network(value)) != value:
        raise ValueError
    return value


def _not_everybody(ranges: tuple[str, ...]) -> tuple[str, ...]:
    united = ipaddress.collapse_addresses(ipaddress.IPv4Network(each) for each in ranges)
    if any(network.prefixlen == 0 for network in united):
        raise ValueError
    return ranges


def _free_namespace(value: str) -> str:
    if value in TAKEN_NAMESPACES or value.startswith("kube-"):
        raise ValueError
    return value


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError
    return values


def _outside_host(value: str) -> str:
    if value.endswith((".local", ".internal", ".localhost", ".svc")):
        raise ValueError
    return value


def _charts(value: str) -> str:
    if re.fullmatch(r"(https|oci)://[^\s/@]+(/[^\s@]*)?", value):
        return value.rstrip("/")
    if not value or not all((ROOT / value / chart / "Chart.yaml").is_file() for chart in CHARTS):
        raise ValueError
    return value


def _pinned_image(value: str) -> str:
    if not re.fullmatch(
        rf"{DNS_LABEL}/{DNS_LABEL}={REPOSITORY}({TAG_OR_DIGEST})", value, re.ASCII
    ) or value.endswith(":latest"):
        raise ValueError
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
TrueOrFalse = Annotated[bool, BeforeValidator(_true_or_false)]
Array = BeforeValidator(_array)
Version = Annotated[str, _matches(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")]
Member = Annotated[
    str, _matches(r"(user|group|serviceAccount):[^\s@]+@[^\s@]+|principal(Set)?://\S+")
]
Cidr = Annotated[str, AfterValidator(_ipv4_range)]
Image = Annotated[str, AfterValidator(_pinned_image)]
DnsName = Annotated[str, _matches(DNS_NAME), Field(max_length=253)]


class Settings(BaseModel):
    """One stack's config. A field's description says what its key allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    google_project: Annotated[str, _matches(r"(([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9])?")] = (
        Field(alias="gcp:project", description="the id of a Google Cloud project")
    )
    platform: Literal["gke", "existing"] = Field(description="gke or existing")
    cluster_name: Annotated[str, _matches(r"[a-z]([a-z0-9-]{0,22}[a-z0-9])?")] = Field(
        description="1 to 24 of a-z, 0-9 and -, a letter first and no - last"
    )
    location: Annotated[str, _matches(r"[a-z]+-[a-z]+[0-9]+(-[a-z])?")] = Field(
        description="a zone such as us-central1-a or a region such as us-central1"
    )
    deployers: Annotated[tuple[Member, ...], Array] = Field(
        description="a list of members: user:, group: or serviceAccount: and an email address, "
        "or a principal:// or principalSet:// of workload identity"
    )
    authorized_networks: Annotated[tuple[Cidr, ...], Array, AfterValidator(_not_everybody)] = Field(
        description="a list of IPv4 CIDR ranges such as 203.0.113.0/24, not the whole internet"
    )
    api_server_ranges: Annotated[tuple[Cidr, ...], Array, AfterValidator(_not_everybody)] = Field(
        description="a list of IPv4 CIDR ranges such as 172.16.0.0/28, not the whole internet"
    )
    machine_type: Annotated[str, _matches(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")] = Field(
        description="a Compute Engine machine type such as e2-standard-4"
    )
    min_nodes: Whole = Field(ge=1, le=100, description="a whole number from 1 to 100")
    max_nodes: Whole = Field(ge=1, le=100, description="a whole number from minNodes to 100")
    deletion_protection: TrueOrFalse = Field(description="true or false")
    kube_context: Annotated[str, _matches(r"\S*")] = Field(description="the name of a kube context")
    image_registry: Annotated[str, _matches(rf"({REPOSITORY})?")] = Field(
        description="a registry without scheme or tag, such as localhost:5001"
    )
    images: Annotated[tuple[Image, ...], Array] = Field(
        description="a list of service/version=reference, each reference with a digest or a tag "
        "other than latest"
    )
    image_platform: Literal["linux/amd64", "linux/arm64"] = Field(
        description="linux/amd64 or linux/arm64"
    )
    istio_version: Annotated[str, _matches(r"1\.(2[5-9]|[3-9][0-9])\.[0-9]+(-[a-z0-9.]+)?")] = (
        Field(description="a release of Istio from 1.25 on, such as 1.31.1")
    )
    istio_charts: Annotated[str, AfterValidator(_charts)] = Field(
        description=f"an https:// or oci:// address or a folder with {', '.join(CHARTS)}"
    )
    istio_platform: Literal["", "k3d", "k3s", "microk8s", "minikube"] = Field(
        description="k3d, k3s, microk8s or minikube, or empty for any other cluster"
    )
    ingress_service_type: Literal["LoadBalancer", "ClusterIP"] = Field(
        description="LoadBalancer or ClusterIP"
    )
    # Sixteen is what one HTTPRoute of the Gateway API takes.
    ingress_hosts: Annotated[tuple[DnsName, ...], Array, AfterValidator(_each_once)] = Field(
        min_length=1,
        max_length=16,
        description="a list of 1 to 16 different DNS names such as pets.example.com, none a "
        "wildcard or an address",
    )
    ingress_tls: Literal["none", "secret", "certManager", "googleManaged"] = Field(
        description="none, secret, certManager or googleManaged"
    )
    ingress_tls_secret: Annotated[str, _matches(DNS_SUBDOMAIN)] = Field(
        max_length=253, description="the name of a Secret, of a-z, 0-9, - and ."
    )
    ingress_issuer: Annotated[str, _matches(f"({DNS_SUBDOMAIN})?")] = Field(
        max_length=253, description="the name of a ClusterIssuer, of a-z, 0-9, - and ."
    )
    ingress_requests_per_second: Whole = Field(
        ge=0, le=100_000, description="a whole number from 0 to 100000"
    )
    namespace: Annotated[str, _matches(DNS_LABEL), AfterValidator(_free_namespace)] = Field(
        description="a namespace's name, not default, istio-system, istio-ingress, istio-egress, "
        "observability or kube-*"
    )
    min_replicas: Whole = Field(ge=1, le=20, description="a whole number from 1 to 20")
    max_replicas: Whole = Field(ge=1, le=100, description="a whole number from minReplicas to 100")
    stable_version: Version = Field(description="a version of petdetailsservice such as v1")
    canary_version: Version | Literal[""] = Field(
        description="a version of petdetailsservice such as v2, or empty for no canary"
    )
    canary_weight: Whole = Field(ge=0, le=100, description="a whole number from 0 to 100")
    canary_mirror_percent: Whole = Field(ge=0, le=100, description="a whole number from 0 to 100")
    dog_api_enabled: TrueOrFalse = Field(description="true or false")
    dog_api_host: Annotated[str, _matches(DNS_NAME), AfterValidator(_outside_host)] = Field(
        max_length=253, description="a public DNS name such as api.thedogapi.com"
    )
    egress_gateway: TrueOrFalse = Field(description="true or false")
    metrics: Literal["none", "prometheus", "managed"] = Field(
        description="none, prometheus or managed"
    )
    grafana: TrueOrFalse = Field(description="true or false")
    kiali: TrueOrFalse = Field(description="true or false")
    tracing: Literal["none", "jaeger"] = Field(description="none or jaeger")
    tracing_sampling_percent: Whole = Field(
        ge=0, le=100, description="a whole number from 0 to 100"
    )
    access_logs: Literal["all", "errors", "off"] = Field(description="all, errors or off")
    dog_api_path: Annotated[str, _matches(r"/([\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")] = Field(
        description="a path that starts with /"
    )

    @property
    def region(self) -> str:
        """The region of `location`: a zone's name without its last part."""
        return "-".join(self.location.split("-")[:2])

    @property
    def gateway_secret(self) -> str:
        """The Secret with the certificate that the gateway shows; empty where it shows none."""
        return self.ingress_tls_secret if self.ingress_tls in ("secret", "certManager") else ""

    @property
    def google_balanced(self) -> bool:
        """Whether Google's load balancer stands before the ingress."""
        return self.ingress_tls == "googleManaged"

    @property
    def given_images(self) -> Mapping[tuple[str, str], str]:
        """The references of `images` by service and version."""
        pairs = (image.split("=", 1) for image in self.images)
        return {(key.split("/")[0], key.split("/")[1]): reference for key, reference in pairs}

    @property
    def live_versions(self) -> tuple[str, ...]:
        """The versions of petdetailsservice that run: the stable one, then the canary."""
        return tuple(filter(None, (self.stable_version, self.canary_version)))


def load(built: Mapping[str, Sequence[str]]) -> Settings:
    """The settings of the stack that the program runs for.

    Args:
        built: For each service the versions that this checkout can build.

    Raises:
        ConfigError: A key is unknown, a value isn't allowed, or two keys contradict each other.
    """
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{PROJECT}:"
    own = {
        key.removeprefix(prefix): value
        for key, value in everything.items()
        if key.startswith(prefix)
    }
    own["gcp:project"] = everything.get("gcp:project", "")
    try:
        settings = Settings.model_validate(own)
    except ValidationError as error:
        lines = [_line(problem["type"], problem["loc"], own) for problem in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None
    problems = [
        *_platform_problems(settings),
        *_ingress_problems(settings),
        *_contradictions(settings, built),
        *_image_problems(settings, built),
        *_observability_problems(settings),
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def _line(problem: str, location: tuple[int | str, ...], own: Mapping[str, str]) -> str:
    key = str(location[0])
    known = {field.alias or "": field.description for field in Settings.model_fields.values()}
    if key not in known:
        similar = difflib.get_close_matches(key, known, 1)
        hint = f"; did you mean {similar[0]}?" if similar else f": known are {', '.join(known)}"
        return f"{_shown(key)} = {_shown(own[key])}: no such key{hint}"
    if problem == "missing":
        return f"{key} is not set: it must be {known[key]}"
    return f"{key} = {_shown(own[key])}: must be {known[key]}"


def _shown(value: str) -> str:
    readable = value if value and value.isprintable() else json.dumps(value)
    return readable if len(readable) <= SHOWN_CHARACTERS else f"{readable[:SHOWN_CHARACTERS]}…"


def _platform_problems(settings: Settings) -> Iterator[str]:
    if settings.platform == "gke" and not settings.google_project:
        yield "gcp:project is not set: run pulumi config set gcp:project YOUR_PROJECT_ID"
    if settings.platform == "gke" and settings.istio_platform:
        yield f"istioPlatform = {settings.istio_platform}: must be empty while platform is gke"


def _ingress_problems(settings: Settings) -> Iterator[str]:
    issued = settings.ingress_tls == "certManager"
    if issued and not settings.ingress_issuer:
        yield 'ingressIssuer = "": must be set while ingressTls is certManager'
    if settings.ingress_issuer and not issued:
        yield (
            f"ingressIssuer = {settings.ingress_issuer}: must be empty while ingressTls is "
            f"{settings.ingress_tls}"
        )
    if not settings.google_balanced:
        return
    if settings.platform != "gke":
        yield "ingressTls = googleManaged: must be another while platform is existing"
    if settings.ingress_service_type != "ClusterIP":
        yield (
            f"ingressServiceType = {settings.ingress_service_type}: must be ClusterIP while "
            "ingressTls is googleManaged, whose load balancer is before the ingress"
        )
    for host in settings.ingress_hosts:
        if host.endswith(SPECIAL_USE):
            yield (
                f"ingressHosts = {host}: must be a public DNS name while ingressTls is "
                "googleManaged"
            )


def known_versions(settings: Settings, built: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Every version of petdetailsservice that could run: those built here and those given."""
    given = (version for service, version in settings.given_images if service == CANARY_SERVICE)
    return tuple(sorted({*built[CANARY_SERVICE], *given}))


def _contradictions(settings: Settings, built: Mapping[str, Sequence[str]]) -> Iterator[str]:
    versions = known_versions(settings, built)
    for key, version in (
        ("stableVersion", settings.stable_version),
        ("canaryVersion", settings.canary_version),
    ):
        if version and version not in versions:
            yield (
                f"{key} = {version}: must be one of {', '.join(versions)}, which "
                f"apps/{CANARY_SERVICE}/versions and images name"
            )
    if settings.stable_version == settings.canary_version:
        yield (
            f"canaryVersion = {settings.canary_version}: must differ from stableVersion; "
            "to have no canary run pulumi config rm canaryVersion"
        )
    for key, percent in (
        ("canaryWeight", settings.canary_weight),
        ("canaryMirrorPercent", settings.canary_mirror_percent),
    ):
        if percent and not settings.canary_version:
            yield f"{key} = {percent}: must be 0 while canaryVersion is not set"
    if settings.dog_api_host.split(".")[-1] in (settings.namespace, "default"):
        yield f"dogApiHost = {settings.dog_api_host}: must be outside the cluster"
    if settings.max_nodes < settings.min_nodes:
        yield f"maxNodes = {settings.max_nodes}: must be at least minNodes = {settings.min_nodes}"
    if settings.max_replicas < settings.min_replicas:
        yield (
            f"maxReplicas = {settings.max_replicas}: must be at least "
            f"minReplicas = {settings.min_replicas}"
        )


def _observability_problems(settings: Settings) -> Iterator[str]:
    for key, is_set in (("grafana", settings.grafana), ("kiali", settings.kiali)):
        if is_set and settings.metrics != "prometheus":
            yield f"{key} = true: needs metrics = prometheus"
    if settings.metrics == "managed" and settings.platform != "gke":
        yield "metrics = managed: needs platform = gke; elsewhere set metrics to prometheus"


def _image_problems(settings: Settings, built: Mapping[str, Sequence[str]]) -> Iterator[str]:
    given = settings.given_images
    deployed = {
        (service, version)
        for service, own_versions in built.items()
        for version in (settings.live_versions if service == CANARY_SERVICE else own_versions)
    }
    usable = deployed | {(CANARY_SERVICE, version) for version in known_versions(settings, built)}
    for service, version in given:
        if (service, version) not in usable:
            allowed = ", ".join(sorted(f"{name}/{each}" for name, each in usable))
            yield f"images = {service}/{version}: must name one of {allowed}"
    if len(given) < len(settings.images):
        yield f"images = {json.dumps(settings.images)}: must name each service/version once"
    if settings.platform == "existing" and not settings.image_registry and deployed - set(given):
        missing = ", ".join(sorted(f"{name}/{version}" for name, version in deployed - set(given)))
        yield f'imageRegistry = "": must be set to build {missing}, unless images names them'
