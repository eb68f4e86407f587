"""Settings from environment variables, refused in one line where they can't be used."""

import math
import re
from collections.abc import Collection, Mapping

from yarl import URL

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_ENDPOINT = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
_TARGET = re.compile(r"[!-~]*")


class SettingError(ValueError):
    """A variable that can't be used; the text names it, its value and what is allowed."""


class Environment:
    """Typed reading of environment variables.

    Args:
        variables: usually `os.environ`.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str) -> str:
        """Give the value, or the default where it is unset."""
        return self._variables.get(name, default)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Give an integer from `low` to `high`, written in decimal digits."""
        value = self._variables.get(name)
        if value is None:
            return default
        if value.isascii() and value.isdecimal() and low <= int(value[:20]) <= high:
            return int(value)
        raise SettingError(f"{name} = {value!r}: must be an integer from {low} to {high}")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Give a number from `low` to `high`."""
        value = self._variables.get(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if low <= number <= high:
            return number
        raise SettingError(f"{name} = {value!r}: must be a number from {low:g} to {high:g}")

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """Give one of the allowed values."""
        value = self._variables.get(name, default)
        if value in allowed:
            return value
        raise SettingError(f"{name} = {value!r}: must be one of {', '.join(allowed)}")

    def host(self, name: str, default: str) -> str:
        """Give a host's name or address."""
        value = self._variables.get(name, default)
        if _HOST.fullmatch(value):
            return value
        raise SettingError(f"{name} = {value!r}: must be a name or an address to listen on")

    def url(self, name: str, default: str) -> URL | None:
        """Give an `http://` address, or None where the value is empty."""
        value = self._variables.get(name, default)
        return _url(name, value) if value else None

    def required_url(self, name: str, default: str) -> URL:
        """Give an `http://` address."""
        return _url(name, self._variables.get(name, default))

    def wants_traces(self) -> bool:
        """Tell whether OpenTelemetry's variables name somewhere to send traces to.

        See https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
        OTLP over HTTP is the one protocol there is.
        """
        variables = self._variables
        if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return False
        if self.choice("OTEL_TRACES_EXPORTER", "otlp", ("otlp", "none")) == "none":
            return False
        names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        endpoints = {name: variables[name] for name in names if name in variables}
        for name, value in endpoints.items():
            if not _ENDPOINT.fullmatch(value):
                raise SettingError(f"{name} = {value!r}: must be an address like http://host:4318")
        if not endpoints:
            return False
        for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
            self.choice(name, "http/protobuf", ("http/protobuf",))
        return True

    def proxy_for(self, url: URL) -> URL | None:
        """Give the forward proxy that requests to `url` go through, by HTTP_PROXY and NO_PROXY.

        As curl and Python's urllib do, the lower-case names are taken first. NO_PROXY holds
        comma-separated host names, each with its subdomains and optionally a port, or `*`.
        """
        proxy = self.url("http_proxy" if "http_proxy" in self._variables else "HTTP_PROXY", "")
        exceptions = self._variables.get("no_proxy", self._variables.get("NO_PROXY", ""))
        return None if proxy is None or _is_excepted(url, exceptions) else proxy


def _url(name: str, value: str) -> URL:
    wanted = f"{name} = {value!r}: must be an address like http://host:port/path"
    try:
        url = URL(value, encoded=True)
        host, port = url.host or "", url.port or 0
    except ValueError:
        raise SettingError(wanted) from None
    if url.scheme == "https":
        raise SettingError(f"{name} = {value!r}: must start with http://, the mesh adds the TLS")
    if "@" in url.raw_authority or "#" in value:
        raise SettingError(wanted + ", without user, password or fragment")
    if (
        url.scheme != "http"
        or not _HOST.fullmatch(host)
        or not 1 <= port <= 65535  # noqa: PLR2004
        or not _TARGET.fullmatch(value)
    ):
        raise SettingError(wanted)
    return url


def _is_excepted(url: URL, exceptions: str) -> bool:
    for entry in exceptions.lower().split(","):
        host, _, port = entry.strip().lstrip(".").partition(":")
        if host == "*":
            return True
        if host and port in ("", str(url.port)) and f".{url.host}".lower().endswith(f".{host}"):
            return True
    return False
