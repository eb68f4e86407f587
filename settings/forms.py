"""The forms of a key's value: each takes what Pulumi hands over and returns what is meant.

A refusal is a ValueError without words: the key's description says what is allowed.
"""

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Field

ROOT = Path(__file__).parent.parent
CHARTS = ("base", "cni", "istiod", "gateway")
TAKEN_NAMESPACES = ("default", "istio-system", "istio-ingress", "istio-egress", "observability")

DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
DNS_NAME = rf"({DNS_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
HOST = r"[a-z0-9]+([.-][a-z0-9]+)*(:[1-9][0-9]{0,4})?"
REPOSITORY = rf"{HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
TAG_OR_DIGEST = r"(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}|:[\w][\w.-]{0,127}"


def matches(pattern: str) -> AfterValidator:
    """A text that is printable and matches a pattern from its start to its end."""

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


def not_everybody(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 ranges that don't add up to all addresses."""
    united = ipaddress.collapse_addresses(ipaddress.IPv4Network(each) for each in ranges)
    if any(network.prefixlen == 0 for network in united):
        raise ValueError
    return ranges


def free_namespace(value: str) -> str:
    """A namespace that neither Kubernetes nor another part of the stack has."""
    if value in TAKEN_NAMESPACES or value.startswith("kube-"):
        raise ValueError
    return value


def each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """A list without repetitions."""
    if len(set(values)) < len(values):
        raise ValueError
    return values


def outside_host(value: str) -> str:
    """A DNS name of no cluster and no local network."""
    if value.endswith((".local", ".internal", ".localhost", ".svc")):
        raise ValueError
    return value


def charts(value: str) -> str:
    """An address of charts without a slash at its end, or a folder that has them all."""
    if re.fullmatch(r"(https|oci)://[^\s/@]+(/[^\s@]*)?", value):
        return value.rstrip("/")
    if not value or not all(chart_version(value, chart) for chart in CHARTS):
        raise ValueError
    return value


def chart_version(folder: str, chart: str) -> str:
    """The version of a chart in a folder of charts; empty where there is no such chart."""
    try:
        facts: Any = yaml.safe_load((ROOT / folder / chart / "Chart.yaml").read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    match facts:
        case {"version": str(version)}:
            return version
        case _:
            return ""


def _pinned_image(value: str) -> str:
    if not re.fullmatch(
        rf"{DNS_LABEL}/{DNS_LABEL}={REPOSITORY}({TAG_OR_DIGEST})", value, re.ASCII
    ) or value.endswith(":latest"):
        raise ValueError
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
TrueOrFalse = Annotated[bool, BeforeValidator(_true_or_false)]
Array = BeforeValidator(_array)
Version = Annotated[str, matches(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")]
Member = Annotated[
    str, matches(r"(user|group|serviceAccount):[^\s@]+@[^\s@]+|principal(Set)?://\S+")
]
Cidr = Annotated[str, AfterValidator(_ipv4_range)]
Image = Annotated[str, AfterValidator(_pinned_image)]
DnsName = Annotated[str, matches(DNS_NAME), Field(max_length=253)]
