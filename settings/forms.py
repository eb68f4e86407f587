"""The types of config values: each parses and validates the text that Pulumi passes.

A ValueError has no text: the key's description says what is allowed.
"""

import ipaddress
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from petmesh.guardrails.ranges import names_nobody
from petmesh.manifests.charts import chart_version
from petmesh.program.urls import without_credentials

ROOT = Path(__file__).parent.parent
CHARTS = ("base", "cni", "istiod", "gateway")
# The maximum length of a value, unless its key says otherwise.
LONGEST = 1024
# The stack's own, and those that Kubernetes, Istio and Google Cloud keep for themselves:
# https://cloud.google.com/kubernetes-engine/docs and what its add-ons install.
TAKEN_NAMESPACES = (
    "default",
    "observability",
    "cert-manager",
    "asm-system",
    "cnrm-system",
    "configconnector-operator-system",
    "gatekeeper-system",
    "resource-group-system",
    "anthos-identity-service",
    "composer-system",
    "knative-eventing",
    "knative-serving",
    "krmapihosting-system",
)
TAKEN_PREFIXES = ("kube-", "istio-", "gke-", "gmp-", "config-management-")
# Nobody owns a name under these: https://www.iana.org/assignments/special-use-domain-names
SPECIAL_USE = (
    *(".alt", ".arpa", ".example", ".internal", ".invalid", ".local", ".localhost"),
    *(".onion", ".test"),
    # And those that networks use for themselves: https://www.rfc-editor.org/rfc/rfc6762#appendix-G
    *(".corp", ".home", ".intranet", ".lan", ".localdomain", ".private"),
)
# A metadata server with the machine's credentials, as metadata.google.internal is.
METADATA_HOST = "metadata.goog"
# Sixteen of the widest public range together: a long list of narrow ones is the internet as well.
_MOST_PUBLIC = 2**20
# This network, the pod itself, its machine's metadata server, and groups: https://www.rfc-editor.org/rfc/rfc6890
NO_SERVERS = tuple(
    ipaddress.IPv4Network(each)
    for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")
)

DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
DNS_NAME = rf"({DNS_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
HOST = rf"[a-z0-9]+([.-][a-z0-9]+)*(:{PORT})?"
REPOSITORY = rf"{HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
VERSION = r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?"
_NUMBER = r"(0|[1-9][0-9]*)"
# https://semver.org: no number starts with a 0.
ISTIO_VERSION = (
    rf"1\.(2[5-9]|[3-9][0-9])\.{_NUMBER}"
    rf"(-({_NUMBER}|[0-9]*[a-z-][a-z0-9-]*)(\.({_NUMBER}|[0-9]*[a-z-][a-z0-9-]*))*)?"
)
# Letters and symbols that are invisible, besides characters that aren't printable.
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
TAG_OR_DIGEST = r"(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}|:[\w][\w.-]{0,127}"


def matches(pattern: str) -> AfterValidator:
    """A text that is visible and matches a pattern from its start to its end."""

    def check(value: str) -> str:
        if len(value) > LONGEST or not visible(value) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError
        return value

    return AfterValidator(check)


def visible(value: str) -> bool:
    """Whether each character shows: no control character, no mark of its own, no blank letter."""
    composed = unicodedata.normalize("NFC", value)
    return composed.isprintable() and not any(
        each in _BLANK or unicodedata.category(each) in ("Mn", "Me") for each in composed
    )


def _whole(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"0|-?[1-9][0-9]{0,8}", value):
        raise ValueError
    return int(value)


def _number(value: object) -> object:
    """A whole number as it is within structured config: a number, or its text."""
    return value if type(value) is int else _whole(value)


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


def narrow(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 ranges that are narrow enough, each and together."""
    public = [each for each in map(ipaddress.IPv4Network, ranges) if each.is_global]
    if any(map(names_nobody, ranges)) or sum(each.num_addresses for each in public) > _MOST_PUBLIC:
        raise ValueError
    return ranges


def of_a_server(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 ranges in which a server may be: no metadata server, nor the pod itself."""
    networks = [ipaddress.IPv4Network(each) for each in ranges]
    if any(each.overlaps(taken) for each in networks for taken in NO_SERVERS):
        raise ValueError
    return ranges


def free_namespace(value: str) -> str:
    """A namespace of no part of the stack, Kubernetes, Istio or Google Cloud."""
    if value in TAKEN_NAMESPACES or value.startswith(TAKEN_PREFIXES):
        raise ValueError
    return value


def each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """A list without repetitions."""
    if len(set(values)) < len(values):
        raise ValueError
    return values


def utc_time(value: str) -> str:
    """A time such as 2026-11-27T18:00:00Z, or no text."""
    if value and f"{datetime.fromisoformat(value):%Y-%m-%dT%H:%M:%SZ}" != value:
        raise ValueError
    return value


def each_attribute_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Attributes of a cookie, none of them twice, whatever their values."""
    each_once(tuple(value.partition("=")[0] for value in values))
    return values


def outside_host(value: str) -> str:
    """A DNS name of no cluster, no local network and no metadata server."""
    top = value.rpartition(".")[2]
    # A top-level domain has a hyphen only where it isn't ASCII: https://www.rfc-editor.org/rfc/rfc5890
    # What else ends so is a Service and its namespace, such as kube-dns.kube-system.
    if ("-" in top and not top.startswith("xn--")) or top in ("svc", *TAKEN_NAMESPACES):
        raise ValueError
    if value.endswith(SPECIAL_USE) or f".{value}".endswith(f".{METADATA_HOST}"):
        raise ValueError
    return value


def charts(value: str) -> str:
    """An address of charts without a slash at its end, or a folder that has them all.

    A folder has those of one version, or a folder for each version.
    """
    if len(value) > LONGEST or not value or not visible(value):
        raise ValueError
    if "://" not in value:
        if not any(map(has_charts, (value, *_folders(value)))):
            raise ValueError
        return value
    address = urlsplit(value)
    # A user, a query or a fragment would be a credential in the state, or nothing.
    if not re.fullmatch(r"(https|oci)://[^?#@\\]+", value) or not value.isascii():
        raise ValueError
    if not address.hostname or " " in value or address.port == 0:
        raise ValueError
    return value.rstrip("/")


def has_charts(folder: str) -> bool:
    """Whether a folder has every chart of Istio that is installed."""
    return all(istio_chart_version(folder, chart) for chart in CHARTS)


def _folders(folder: str) -> Sequence[str]:
    """The folders in a folder; none where it can't be read."""
    try:
        return [str(each) for each in (ROOT / folder).iterdir() if each.is_dir()]
    except (OSError, ValueError):
        return []


def public_path(value: str) -> str:
    """A path, and maybe a query, that says the same wherever it is put and that all may read."""
    # Kubernetes puts a variable's value for $(NAME), and $ for $$, into a container's environment.
    if "$(" in value or "$$" in value or without_credentials(value) != value:
        raise ValueError
    return value


def istio_chart_version(folder: str, chart: str = "istiod") -> str:
    """The version of a chart in a folder of Istio's charts; empty where there is no such chart."""
    return chart_version(ROOT / folder / chart)


def _pinned_image(value: str) -> str:
    pattern = rf"{DNS_LABEL}/{DNS_LABEL}={REPOSITORY}({TAG_OR_DIGEST})"
    if len(value) > LONGEST or not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError
    if value.endswith(":latest"):
        raise ValueError
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[int, BeforeValidator(_number)]
TrueOrFalse = Annotated[bool, BeforeValidator(_true_or_false)]
Array = BeforeValidator(_array)
Version = Annotated[str, matches(VERSION)]
# As long as a promotion's old version is kept, or until which time (`settings/releases.py`).
Keep = Annotated[str, matches(r"(nextRelease|[1-9][0-9]{0,3}[mhd])?")]
UtcTime = Annotated[str, AfterValidator(utc_time)]
Member = Annotated[
    str,
    matches(r"(user|group|serviceAccount):[!-?A-~]+@[!-?A-~]+|principal(Set)?://[!-~]+"),
]
Cidr = Annotated[str, AfterValidator(_ipv4_range)]
Image = Annotated[str, AfterValidator(_pinned_image)]
DnsName = Annotated[str, matches(DNS_NAME), Field(max_length=253)]
CookieAttribute = Annotated[
    str,
    matches(
        rf"Path=/[A-Za-z0-9._~/-]*|Domain={DNS_NAME}|SameSite=(Lax|Strict|None)|HttpOnly|Secure"
        "|Partitioned"
    ),
]
