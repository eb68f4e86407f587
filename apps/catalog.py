"""What the three services are: name, port, path, and the versions that this checkout builds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Service:
    """One service of the system.

    Attributes:
        name: Its name in Kubernetes, and its folder here.
        port: The TCP port that it serves HTTP on.
        path: What its callers may ask for, as an Istio path template.
        methods: The HTTP methods that they may use.
        versions: The versions that this checkout can build.
        calls: The services that it calls; nobody else calls these.
    """

    name: str
    port: int
    path: str
    methods: tuple[str, ...] = ("GET",)
    versions: tuple[str, ...] = ("v1",)
    calls: tuple["Service", ...] = ()


def version_file(service: str, version: str) -> Path:
    """Where the data of a service's version is."""
    return FOLDER / service / "versions" / f"{version}.json"


def _versions(service: str) -> tuple[str, ...]:
    """The versions that a service has a file of; a hidden file is somebody's scratch."""
    files = (FOLDER / service / "versions").glob("*.json")
    return tuple(sorted(file.stem for file in files if file.is_file() and file.name[0] != "."))


PETDETAILS = Service(
    "petdetailsservice", 9081, "/pet/{*}/details", versions=_versions("petdetailsservice")
)
PETMEDICALHISTORY = Service("petmedicalhistoryservice", 9082, "/pet/{*}/medicalhistory")
PETSERVICE = Service(
    "petservice",
    9080,
    "/pet/{*}",
    methods=("GET", "HEAD"),
    calls=(PETDETAILS, PETMEDICALHISTORY),
)

SERVICES = (PETSERVICE, PETDETAILS, PETMEDICALHISTORY)
VERSIONS: Mapping[str, tuple[str, ...]] = {service.name: service.versions for service in SERVICES}


def callers(service: Service) -> tuple[Service, ...]:
    """The services that call one; none where the ingress does."""
    return tuple(each for each in SERVICES if service in each.calls)
