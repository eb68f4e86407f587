"""Contradictions: of config keys with each other, and with what this checkout builds."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from infra.machines import is_arm
from settings.application_contradictions import application_problems
from settings.cookie_contradictions import cookie_problems
from settings.forms import ROOT, SPECIAL_USE, VERSION
from settings.gke_contradictions import gke_problems
from settings.istio_contradictions import istio_problems
from settings.keys import Settings
from settings.messages import readable
from settings.releases import known_versions, release_problems, versions_of

VERSION_NAME = "1 to 20 of a-z, 0-9 and -, no - first or last,"
# A build argument is one variable of a process, which Linux bounds at 128 KiB.
LARGEST_DATA = 100_000


def contradictions(
    settings: Settings, built: Mapping[str, Sequence[str]], fixed: Mapping[str, str]
) -> Iterator[str]:
    """One line for each problem that a stack's settings have with each other or this checkout.

    Args:
        settings: Settings that are fine key by key.
        built: For each service the versions that this checkout can build.
        fixed: The services that can have no canary, and why.
    """
    named = {
        "canaryService = {}": [settings.canary_service],
        "releases.{}: no such service": settings.releases,
    }
    unknown = [
        f"{shown.format(readable(name))}: must be one of {', '.join(built)}"
        for shown, names in named.items()
        for name in names
        if name not in built
    ]
    if unknown:
        yield from unknown
        return
    yield from _range_problems(settings)
    if settings.owner != "application":
        yield from application_problems(settings)
        yield from _platform_problems(settings)
        yield from gke_problems(settings)
        yield from istio_problems(settings)
        yield from _ingress_problems(settings)
        yield from cookie_problems(settings)
        yield from _observability_problems(settings)
    if settings.owner != "platform":
        yield from release_problems(settings, built, fixed)
        yield from _version_file_problems(settings, built)
        yield from _image_problems(settings, built)


def _platform_problems(settings: Settings) -> Iterator[str]:
    if settings.on_gke and not settings.google_project:
        yield "gcp:project is not set: run pulumi config set gcp:project YOUR_PROJECT_ID"
    if settings.on_gke and settings.istio_platform:
        yield (
            f"istioPlatform = {settings.istio_platform}: must be empty while platform is "
            f"{settings.platform}"
        )
    nodes = "linux/arm64" if is_arm(settings.machine_type) else "linux/amd64"
    if settings.platform == "gke" and settings.image_platform != nodes:
        yield (
            f"imagePlatform = {settings.image_platform}: must be {nodes} while machineType is "
            f"{settings.machine_type}"
        )


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
        yield (f"ingressTls = googleManaged: must be another while platform is {settings.platform}")
    if settings.ingress_service_type != "ClusterIP":
        yield (
            f"ingressServiceType = {settings.ingress_service_type}: must be ClusterIP while "
            "ingressTls is googleManaged, whose load balancer is before the ingress"
        )
    for namespace, hosts in settings.hosts.items():
        platform = settings.owner == "platform"
        key = f"applications.{namespace}.hosts" if platform else "ingressHosts"
        for host in hosts:
            if host.endswith(SPECIAL_USE):
                yield f"{key} = {host}: must be a public DNS name while ingressTls is googleManaged"


def _range_problems(settings: Settings) -> Iterator[str]:
    if settings.dog_api_host.split(".")[-1] in (*settings.hosts, "default"):
        yield f"dogApiHost = {settings.dog_api_host}: must be outside the cluster"
    if settings.max_nodes < settings.min_nodes:
        yield f"maxNodes = {settings.max_nodes}: must be at least minNodes = {settings.min_nodes}"
    if settings.max_replicas < settings.min_replicas:
        yield (
            f"maxReplicas = {settings.max_replicas}: must be at least "
            f"minReplicas = {settings.min_replicas}"
        )


def _version_file_problems(settings: Settings, built: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for service, versions in built.items():
        for version in versions:
            if not re.fullmatch(VERSION, version, re.ASCII):
                shown = json.dumps(_file(service, version))
                yield f"{shown}: must have {VERSION_NAME} for a name, such as v3.json"
        release = versions_of(settings, built, service)
        for fact, version in release.named.items():
            built_here = version in versions and (service, version) not in settings.given_images
            if built_here and version in release.running:
                for problem in _data_problems(_file(service, version)):
                    yield f"{release.keys[fact]} = {version}: {problem}"


def _file(service: str, version: str) -> str:
    return f"apps/{service}/versions/{version}.json"


def _data_problems(file: str) -> Iterator[str]:
    """What keeps a version's file, where it has one, from being the data of an image."""
    try:
        content = (ROOT / file).read_bytes()
        is_object = isinstance(json.loads(content.decode("utf-8")), dict)
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        is_object, content = False, b""
    if not is_object or len(content) > LARGEST_DATA:
        yield (
            f"{file} must be a file with a JSON object in UTF-8, of at most {LARGEST_DATA} bytes"
        )


def _observability_problems(settings: Settings) -> Iterator[str]:
    for key, is_set in (("grafana", settings.grafana), ("kiali", settings.kiali)):
        if is_set and settings.metrics != "prometheus":
            yield f"{key} = true: needs metrics = prometheus"
    if settings.metrics == "managed" and not settings.on_gke:
        yield "metrics = managed: needs platform = gke; elsewhere set metrics to prometheus"


def _image_problems(settings: Settings, built: Mapping[str, Sequence[str]]) -> Iterator[str]:
    given = settings.given_images
    deployed = {
        (service, version)
        for service in built
        for version in versions_of(settings, built, service).running
    }
    usable = {
        (service, version)
        for service in built
        for version in known_versions(settings, built, service)
    }
    for service, version in given:
        if (service, version) not in usable:
            allowed = ", ".join(sorted(f"{name}/{each}" for name, each in usable))
            yield f"images = {service}/{version}: must name one of {allowed}"
    if len(given) < len(settings.images):
        yield f"images = {json.dumps(settings.images)}: must name each service/version once"
    if settings.platform != "gke" and not settings.image_registry and deployed - set(given):
        missing = ", ".join(sorted(f"{name}/{version}" for name, version in deployed - set(given)))
        yield f'imageRegistry = "": must be set to build {missing}, unless images names them'
