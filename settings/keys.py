"""The keys of a stack's config, as one frozen object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.machines import SERIES
from settings.applications import NAMESPACE, ApplicationSettings, Namespace
from settings.forms import (
    CHARTS,
    DNS_LABEL,
    DNS_NAME,
    DNS_SUBDOMAIN,
    ISTIO_VERSION,
    LONGEST,
    REPOSITORY,
    Array,
    Cidr,
    CookieAttribute,
    DnsName,
    Image,
    Keep,
    Member,
    Number,
    TrueOrFalse,
    UtcTime,
    Version,
    Whole,
    charts,
    each_attribute_once,
    each_once,
    istio_chart_version,
    matches,
    narrow,
    of_a_server,
    outside_host,
    public_path,
)
from settings.gke import GkeFeatures

PROJECT = "petmesh"
KEEP = "nextRelease, or a time such as 30m, 24h or 7d, or empty for not at all"
UNTIL = "a time in UTC such as 2026-11-27T18:00:00Z, or empty for the next promotion"


@dataclass(frozen=True)
class OutsideHost:
    """A host outside of the cluster that services may call.

    Attributes:
        is_open: Whether they may.
        host: The host's DNS name.
        path: The path, and maybe query, of the requests.
    """

    is_open: bool
    host: str
    path: str


GroupName = Annotated[str, matches(DNS_LABEL)]


class ReleaseSettings(BaseModel):
    """A service's release in `releases`. A field's description says what its key allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    stable_version: Version | None = Field(
        default=None, description="a version of the service such as v1"
    )
    canary_version: Version | Literal[""] = Field(
        default="", description="a version of the service such as v2, or empty for no canary"
    )
    canary_weight: Number = Field(
        default=0, ge=0, le=100, description="a whole number from 0 to 100"
    )
    canary_mirror_percent: Number = Field(
        default=0, ge=0, le=100, description="a whole number from 0 to 100"
    )
    keep_previous: Keep = Field(default="", description=KEEP)
    previous_version: Version | Literal[""] = Field(
        default="", description="a version of the service such as v1, or empty for none"
    )
    previous_until: UtcTime = Field(default="", description=UNTIL)


class Settings(GkeFeatures):
    """One stack's config. A field's description says what its key allows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, defer_build=False
    )

    google_project: Annotated[str, matches(r"(([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9])?")] = (
        Field(alias="gcp:project", description="the id of a Google Cloud project")
    )
    owner: Literal["all", "platform", "application"] = Field(
        description="all, platform or application"
    )
    platform_stack: Annotated[str, matches(r"([\w.-]+/[\w.-]+/[\w.-]+)?")] = Field(
        description="a stack's full name, ORGANIZATION/PROJECT/STACK"
    )
    applications: Annotated[Mapping[Namespace, ApplicationSettings], Array] = Field(
        default_factory=dict[str, ApplicationSettings],
        description="a map of namespaces to a map of team and hosts",
    )
    platform: Literal["gke", "existingGke", "existing"] = Field(
        description="gke, existingGke or existing"
    )
    # Cloud NAT's name has two letters at least, and every project comes with a network `default`.
    cluster_name: Annotated[str, matches(r"(?!default$)[a-z][a-z0-9-]{0,22}[a-z0-9]")] = Field(
        description="2 to 24 of a-z, 0-9 and -, a letter first and no - last, not default"
    )
    location: Annotated[str, matches(r"[a-z]+-[a-z]+[0-9]+(-[a-z])?")] = Field(
        description="a zone such as us-central1-a or a region such as us-central1"
    )
    deployers: Annotated[tuple[Member, ...], Array] = Field(
        description="a list of members: user:, group: or serviceAccount: and an email address, "
        "or a principal:// or principalSet:// of workload identity"
    )
    authorized_networks: Annotated[tuple[Cidr, ...], Array, AfterValidator(narrow)] = Field(
        description="a list of IPv4 CIDR ranges such as 203.0.113.0/24, not the whole internet: "
        "public ones of /16 or narrower, private ones of /8"
    )
    api_server_ranges: Annotated[
        tuple[Cidr, ...], Array, AfterValidator(narrow), AfterValidator(of_a_server)
    ] = Field(
        description="a list of IPv4 CIDR ranges such as 172.16.0.0/28, not the whole internet: "
        "public ones of /16 or narrower, private ones of /8, none with the metadata server "
        "(169.254.169.254) or the pod itself in it"
    )
    machine_type: Annotated[str, matches(rf"({'|'.join(SERIES)})(-[a-z0-9]+)+")] = Field(
        max_length=63,
        description="a Compute Engine machine type such as e2-standard-4, without GPU or TPU, of "
        f"the series {', '.join(sorted(SERIES))}",
    )
    min_nodes: Whole = Field(ge=1, le=100, description="a whole number from 1 to 100")
    max_nodes: Whole = Field(ge=1, le=100, description="a whole number from minNodes to 100")
    deletion_protection: TrueOrFalse = Field(description="true or false")
    kube_context: Annotated[str, matches(r"\S*")] = Field(description="the name of a kube context")
    image_registry: Annotated[str, matches(rf"({REPOSITORY})?")] = Field(
        max_length=255,
        description="a registry without scheme or tag, such as localhost:5001",
    )
    images: Annotated[tuple[Image, ...], Array] = Field(
        description="a list of service/version=reference, each reference with a digest or a tag "
        "other than latest"
    )
    image_platform: Literal["linux/amd64", "linux/arm64"] = Field(
        description="linux/amd64 or linux/arm64"
    )
    istio_version: Annotated[str, matches(ISTIO_VERSION)] = Field(
        description="a release of Istio from 1.25 on, such as 1.31.1"
    )
    istio_upgrades: Literal["inPlace", "byRevision"] = Field(description="inPlace or byRevision")
    istio_canary_version: Annotated[str, matches(f"({ISTIO_VERSION})?")] = Field(
        description="a release of Istio from 1.25 on, such as 1.31.1, or empty for no second istiod"
    )
    istio_canary_namespaces: Annotated[
        tuple[Annotated[str, matches(DNS_LABEL)], ...], Array, AfterValidator(each_once)
    ] = Field(description="a list of different namespaces such as istio-ingress")
    istio_charts: Annotated[str, AfterValidator(charts)] = Field(
        description=f"an https:// or oci:// address or a folder with {', '.join(CHARTS)}, or with "
        "a folder of these for each version; an address without user, query or fragment"
    )
    istio_platform: Literal["", "k3d", "k3s", "microk8s", "minikube"] = Field(
        description="k3d, k3s, microk8s or minikube, or empty for any other cluster"
    )
    ingress_service_type: Literal["LoadBalancer", "ClusterIP"] = Field(
        description="LoadBalancer or ClusterIP"
    )
    # Sixteen is what one HTTPRoute of the Gateway API takes.
    ingress_hosts: Annotated[tuple[DnsName, ...], Array, AfterValidator(each_once)] = Field(
        min_length=1,
        max_length=16,
        description="a list of 1 to 16 different DNS names such as pets.example.com, none a "
        "wildcard or an address",
    )
    ingress_tls: Literal["none", "secret", "certManager", "googleManaged"] = Field(
        description="none, secret, certManager or googleManaged"
    )
    ingress_tls_secret: Annotated[str, matches(DNS_SUBDOMAIN)] = Field(
        max_length=253, description="the name of a Secret, of a-z, 0-9, - and ."
    )
    ingress_issuer: Annotated[str, matches(f"({DNS_SUBDOMAIN})?")] = Field(
        max_length=253, description="the name of a ClusterIssuer, of a-z, 0-9, - and ."
    )
    ingress_requests_per_second: Whole = Field(
        ge=0, le=100_000, description="a whole number from 0 to 100000"
    )
    ingress_connections: Whole = Field(
        ge=1, le=100_000, description="a whole number from 1 to 100000"
    )
    user_cookie: Annotated[str, matches(r"[A-Za-z0-9_-]{0,64}")] = Field(
        description="a cookie's name of 1 to 64 letters, digits, - and _, or empty for none"
    )
    user_cookie_days: Whole = Field(ge=0, le=400, description="a whole number from 0 to 400")
    user_cookie_attributes: Annotated[
        tuple[CookieAttribute, ...], Array, AfterValidator(each_attribute_once)
    ] = Field(
        description="a list of Path=/, Domain=example.com, HttpOnly, Secure, SameSite=Lax, "
        "SameSite=Strict, SameSite=None and Partitioned, each attribute once"
    )
    namespace: Namespace = Field(description=NAMESPACE)
    min_replicas: Whole = Field(ge=1, le=20, description="a whole number from 1 to 20")
    max_replicas: Whole = Field(ge=1, le=100, description="a whole number from minReplicas to 100")
    canary_service: Annotated[str, matches(DNS_LABEL)] = Field(
        description="the name of a service, which is its folder's in apps/"
    )
    stable_version: Version = Field(description="a version of canaryService such as v1")
    canary_version: Version | Literal[""] = Field(
        description="a version of canaryService such as v2, or empty for no canary"
    )
    canary_weight: Whole = Field(ge=0, le=100, description="a whole number from 0 to 100")
    canary_mirror_percent: Whole = Field(ge=0, le=100, description="a whole number from 0 to 100")
    keep_previous: Keep = Field(description=KEEP)
    previous_version: Version | Literal[""] = Field(
        description="a version of canaryService such as v1, or empty for none"
    )
    previous_until: UtcTime = Field(description=UNTIL)
    releases: Annotated[Mapping[str, ReleaseSettings], Array] = Field(
        default_factory=dict[str, ReleaseSettings],
        description="a map of services to a map of stableVersion, canaryVersion, canaryWeight, "
        "canaryMirrorPercent, keepPrevious, previousVersion and previousUntil",
    )
    release_groups: Annotated[Mapping[GroupName, tuple[str, ...]], Array] = Field(
        default_factory=dict[str, tuple[str, ...]],
        description="a map of names such as checkout to lists of services that are released "
        "together",
    )
    dog_api_enabled: TrueOrFalse = Field(description="true or false")
    dog_api_host: Annotated[str, matches(DNS_NAME), AfterValidator(outside_host)] = Field(
        max_length=253,
        description="a public DNS name such as api.thedogapi.com, of no Service and no metadata "
        "server",
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
    dog_api_path: Annotated[
        str,
        matches(r"/([\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"),
        AfterValidator(public_path),
    ] = Field(
        max_length=LONGEST,
        description=f"a path that starts with /, of at most {LONGEST} characters, without $( "
        "or $$, which Kubernetes would replace, and without a credential, which logs would show",
    )

    @property
    def on_gke(self) -> bool:
        """Whether the cluster is GKE's, whoever created it."""
        return self.platform != "existing"

    @property
    def region(self) -> str:
        """The region of `location`: a zone's name without its last part."""
        return "-".join(self.location.split("-")[:2])

    @property
    def istio_release(self) -> str:
        """The version of the stack's Istio: that of the charts' folder, where they lie in one."""
        if "://" in self.istio_charts:
            return self.istio_version
        return istio_chart_version(self.istio_charts) or self.istio_version

    @property
    def istio_releases(self) -> Sequence[str]:
        """The versions of the stack's istiods."""
        return [each for each in (self.istio_release, self.istio_canary_version) if each]

    def charts_of(self, version: str) -> str:
        """The address or the folder of the charts of a version of Istio."""
        if "://" in self.istio_charts or istio_chart_version(self.istio_charts):
            return self.istio_charts
        return f"{self.istio_charts}/{version}"

    @property
    def gateway_secret(self) -> str:
        """The Secret with the certificate that the gateway shows; empty where it shows none."""
        return self.ingress_tls_secret if self.ingress_tls in ("secret", "certManager") else ""

    @property
    def hosts(self) -> Mapping[str, Sequence[str]]:
        """The host names of each namespace of services."""
        if self.owner == "platform":
            return {name: each.hosts for name, each in self.applications.items()}
        return {self.namespace: self.ingress_hosts}

    @property
    def all_hosts(self) -> Sequence[str]:
        """The host names of all namespaces of services."""
        return [host for hosts in self.hosts.values() for host in hosts]

    @property
    def team(self) -> Sequence[str]:
        """Everybody who deploys an application to the platform, once."""
        members = (member for each in self.applications.values() for member in each.team)
        return [*dict.fromkeys(members)]

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
    def outside(self) -> Mapping[str, OutsideHost]:
        """The outside hosts, by the start of their keys."""
        return {"dogApi": OutsideHost(self.dog_api_enabled, self.dog_api_host, self.dog_api_path)}
