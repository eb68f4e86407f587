"""expectations.yaml: requests to a rehearsed mesh, and what must come of each."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from petmesh.manifests.documents import EXPECTATIONS, TEST_CASES
from petmesh.mesh.fields import Seconds, not_empty
from petmesh.rehearsal.settings import SettingsError, Strict, read_yaml, validated

OUTSIDE: Final = "outside"
UNMESHED: Final = "unmeshed"


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "tcp") or not parts.hostname:
        raise ValueError("must be a URL such as http://reviews:9080/reviews/0")
    # A port that is none is an error of its own.
    if not parts.port and parts.scheme == "tcp":
        raise ValueError("must have a port, as tcp://database:5432")
    return text


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    return text


class Pattern(Strict):
    """A condition on a text: it contains a part, or a regular expression matches it whole."""

    contains: str | None = None
    matches: Annotated[str, AfterValidator(_regex)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Pattern":
        if (self.contains is None) == (self.matches is None):
            raise ValueError("must have contains or matches")
        return self

    def fits(self, text: str) -> bool:
        """Return whether a text fulfils the condition."""
        if self.contains is not None:
            return self.contains in text
        return re.fullmatch(self.matches or "", text, re.DOTALL) is not None

    def __str__(self) -> str:
        return (
            f"containing {self.contains}"
            if self.contains is not None
            else f"matching {self.matches}"
        )


def _is_pattern(value: object) -> bool:
    keys = set(cast("dict[str, object]", value)) if isinstance(value, dict) else set[str]()
    return isinstance(value, Pattern) or (bool(keys) and keys <= set(Pattern.model_fields))


# A text, or a condition on it; in angle brackets, since an error's path leaves such tags out.
Text = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[Pattern, Tag("<pattern>")],
    Discriminator(lambda value: "<pattern>" if isinstance(value, dict | Pattern) else "<text>"),
]
Body = Annotated[
    Annotated[dict[str, Any] | list[Any] | str, Tag("<json>")]
    | Annotated[Pattern, Tag("<pattern>")],
    Discriminator(lambda value: "<pattern>" if _is_pattern(value) else "<json>"),
]
# Requests that can't be sent would look like those without a response.
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")]
# Values by header; null for a header that must not be there.
Headers = dict[str, Text | None]


def _several(value: object) -> object:
    return cast("object", value) if isinstance(value, list | tuple) else (value,)


class Seen(Strict):
    """What the called process must have got; a stand-in tells it in its answer."""

    method: str | None = None
    path: str | None = None
    headers: Headers = Field(default_factory=dict)


class LogLine(Strict):
    """What some proxy of the request's path must have logged; each text is contained."""

    flags: str | None = None
    details: str | None = None
    cluster: str | None = None
    route: str | None = None


def _status(value: int) -> int:
    if value and not 100 <= value <= 599:  # noqa: PLR2004
        raise ValueError("must be a status of HTTP, or 0 for no response")
    return value


Status = Annotated[int, AfterValidator(_status)]


class Expected(Strict):
    """What must come; what isn't named isn't checked.

    Attributes:
        status: the allowed statuses; 0 for no response.
        workload: the workload that answers.
        version: its version.
        pods: how many different pods answer.
        share: percent of the answers by workload, version or status.
        tolerance: of each share, in percent points; None for the 99.9% binomial interval.
        redirect: the header Location of a redirect.
        headers: of the response.
        body: the response's: a condition on its text, or JSON that it contains.
        seen: what the called process got.
        within: the longest time until the response's end.
        after: the shortest.
        log: what a proxy logged.
        failures: how many of the answers may differ from all this.
        mirrored: a workload that gets a copy of the request.
    """

    status: Annotated[tuple[Status, ...], BeforeValidator(_several)] = ()
    workload: str | None = None
    version: str | None = None
    pods: Annotated[int, Field(ge=0)] | None = None
    share: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)
    tolerance: Annotated[float, Field(gt=0, le=100)] | None = None
    redirect: Text | None = None
    headers: Headers = Field(default_factory=dict)
    body: Body | None = None
    seen: Seen | None = None
    within: Seconds | None = None
    after: Seconds | None = None
    log: LogLine | None = None
    failures: Annotated[int, Field(ge=0)] = 0
    mirrored: str | None = None

    @model_validator(mode="after")
    def _checks(self) -> "Expected":
        named = {key for key in self.model_fields_set if getattr(self, key) not in ((), {}, None)}
        if not named - {"failures", "tolerance"}:
            raise ValueError("must name something that must come")
        if self.share and abs(sum(self.share.values()) - 100) > 0.01:  # noqa: PLR2004
            raise ValueError(f"share: must add up to 100, not {sum(self.share.values()):g}")
        if self.tolerance is not None and not self.share:
            raise ValueError("tolerance needs a share")
        return self


class Fault(Strict):
    """What is broken while an expectation is tested: pods of a workload, or an outside host.

    Attributes:
        workload: a workload.
        pods: how many of its pods are broken; all by default.
        status: what they answer then; without one their processes are killed.
        host: an outside host that doesn't answer.
    """

    workload: str | None = None
    pods: Annotated[int, Field(ge=1)] | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    host: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Fault":
        if (self.workload is None) == (self.host is None):
            raise ValueError("must have workload or host")
        if self.host and (self.pods or self.status):
            raise ValueError("pods and status are a workload's")
        return self


class Question(Strict):
    """What a test asks: who sends which request.

    Attributes:
        name: for people; by default source, method and URL.
        source: `outside` for a caller by a gateway, a workload for its identity, `unmeshed` for a
            pod without a sidecar.
        url: by http, https or tcp; its port is the Service's or the gateway's. By tcp a request is
            sent over a connection that no proxy reads.
        token: claims of a JSON Web Token that the request has, signed by a key of this machine in
            the place of those that a RequestAuthentication names by URI.
        certificate: the DNS name of a certificate that the caller from outside shows, of an
            authority that gateways which ask for one trust.
        times: how many requests are sent.
        at_once: how many of them at the same time.
    """

    name: str = ""
    source: Annotated[str, Field(alias="from", min_length=1)]
    url: Annotated[str, AfterValidator(_url)]
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] = "GET"
    headers: dict[HeaderName, HeaderText] = Field(default_factory=dict[str, str])
    body: str | None = None
    token: dict[str, Any] | None = None
    certificate: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,200}$")] | None = None
    times: Annotated[int, Field(ge=1, le=100_000)] = 1
    at_once: Annotated[int, Field(alias="atOnce", ge=1, le=100)] = 1
    faults: tuple[Fault, ...] = ()

    @property
    def title(self) -> str:
        """The name, or source, method and URL."""
        headers = "".join(f" {name}={value}" for name, value in self.headers.items())
        return self.name or f"{self.source}: {self.method} {self.url}{headers}"

    @model_validator(mode="after")
    def _shown_outside(self) -> "Question":
        outside = self.source == OUTSIDE and urlsplit(self.url).scheme == "https"
        if self.certificate and not outside:
            raise ValueError("certificate: is shown from outside, by https")
        return self


class Expectation(Question):
    """One test: a question, and what must come."""

    expect: Expected

    @model_validator(mode="after")
    def _enough(self) -> "Expectation":
        if self.expect.failures >= self.times:
            raise ValueError(f"failures = {self.expect.failures}: must be less than times")
        if self.expect.share and self.times < 20:  # noqa: PLR2004
            raise ValueError(f"times = {self.times}: a share needs at least 20")
        return self


class Expectations(Strict):
    """The content of expectations.yaml."""

    version: Literal[1] = 1
    expectations: Annotated[tuple[Expectation, ...], not_empty()]


def read_expectations(file: Path) -> tuple[Expectation, ...]:
    """Read the expectations of a file, or of the expectations.yaml in a folder.

    Raises:
        SettingsError: there is no such file, or a value isn't allowed; one line each.
    """
    path = file / EXPECTATIONS if file.is_dir() else file
    if not path.is_file():
        raise SettingsError(f"{path}: there is no such file")
    held = read_yaml(path)
    if TEST_CASES in cast("dict[str, object]", held if isinstance(held, dict) else {}):
        raise SettingsError(f"{path}: has {TEST_CASES}, which --validator-tests takes")
    return validated(Expectations, cast("object", held), str(path)).expectations
