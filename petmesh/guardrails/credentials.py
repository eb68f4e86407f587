"""Credentials: none in clear where whoever reads an object can read it."""

import re
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from petmesh.guardrails.base_images import UnreadableError, settings
from petmesh.guardrails.podspec import containers
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Trouble
from petmesh.guardrails.supply import IMAGE, dockerfile
from petmesh.guardrails.values import UNKNOWN, at, entries, found, last

# Files that hold nothing else.
_FILE: Final = re.compile(
    r"[._]?(?:pgpass|netrc|htpasswd|dockercfg)|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:p12|pfx)"
)
_KEYS: Final = (
    "api|private|access|secret|signing|encryption|auth|master|ssh|account|session|shared|service|"
    "hmac|jwt|webhook|crypto?|license"
)
_NAME: Final = re.compile(
    r"(?:password|passwd|passphrase|pwd|requirepass|dockerconfigjson"
    r"|(?:^|[_.-])(?:pass|pw|(?:client|app)?secrets?|(?:auth|access|api)?tokens?|credentials?"
    r"|authorization|cookie|bearer)"
    rf"|(?:{_KEYS}|storage)[_.-]?key)(?:[_.-](?:b64|base64|base|value|plain|v?\d+))?$",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# By value alone: private keys, JSON Web Tokens, and what well-known services issue.
_LOOKS: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\"private_key\"\s*:|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[oprsu]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bAIza[\w-]{35}\b|\bhvs\.\w{20,}"
    r"|\"kty\"\s*:\s*\"oct\"|\"auth\"\s*:\s*\"[\w+/]{8,}=*\"|\bhooks\.slack\.com/services/T\w"
    r"|\bsk-(?:proj-|ant-)?\w{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}|\bya29\.[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}|\b[rs]k_live_\w{16,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
)
# A URL's, and without a scheme that of Go's MySQL driver: user:password@tcp(host)/database.
_PASSWORDS: Final = (
    re.compile(r"""://[^\s/?#:"']*:([^\s/?#"']+)@"""),
    re.compile(r"[\w.-]+:(\S+)@\w+\("),
)
_PAIR: Final = re.compile(r"""["']?([A-Za-z][\w.-]*)["']?\s*[:=]\s*["']?(?!//)(?=([^\s"',;&]+))""")
_SCHEME: Final = re.compile(r"(?:bearer|basic|token)\s+", re.IGNORECASE)
# Nothing, a switch, a file's path, a token of a language model, or references alone: Kubernetes'
# $(NAME), a shell's, a template's, and a secret store's.
_HARMLESS: Final = re.compile(
    r"|yes|no|on|off|true|false|none|null|[01]|(?:/[\w.-]+)+|<[^>]*>|\[[A-Z]+\]|\|.*"
    r"|(?:\$(?:\w+|\{[^}]*\}?|\(\w+\)?))+|\{\{.*|(?:secret|vault|sm|file|env|ref\+\w+):.*"
    r"|projects/[\w/.-]+",
    re.IGNORECASE,
)
# What names a Secret, unless it is the kind of secret that one holds.
_OF_SECRET: Final = re.compile(r"(.*)secrets?|(.*)credentials?", re.IGNORECASE)
_HOLDS: Final = re.compile(
    rf"(?:.*[_.-])?(?:client|app|user|oauth2?|cookie|consumer|{_KEYS})[_.-]?|", re.IGNORECASE
)
# A cookie's name, how a browser's request has credentials, and a Secret's name by its variable's.
_NAMES: Final = re.compile(
    r"(?:.*_)?cookie=[a-z_.-]*(?:csrf|xsrf|session|sid)[a-z_.-]*"
    r"|(?:.*_)?credentials=(?:include|same-origin|omit)|(?:.*_)?pull_?secrets?=[a-z]+",
    re.IGNORECASE,
)
_OBJECT: Final = re.compile(r"(?:[a-z0-9.-]+/)?[a-z][a-z0-9.]*(?:-[a-z0-9.]+)+")
_SETTING: Final = re.compile(r"-{0,2}([\w.-]+)=(.*)", re.DOTALL)
# Model's tokens have shorter numbers.
_ID: Final = 8
# Whose short flags are for a password: the next word, and the rest of the word.
_REDIS: Final = re.compile(r"(?:.*/)?(?:redis|valkey)-cli")
_MYSQL: Final = re.compile(r"(?:.*/)?(?:mysql|mariadb)[\w-]*")
_FLAG: Final = re.compile(r"--?([\w.-]+)")
# What a shell's text may have around a word.
_AROUND = "\"';"
_HOOKS = (
    *("livenessProbe", "readinessProbe", "startupProbe"),
    *("lifecycle.postStart", "lifecycle.preStop"),
)
# Which are for credentials.
_KEEPS = (
    *("core/Secret", "gcp:secretmanager/SecretVersion", "gcp:certificatemanager/Certificate"),
    "gcp:secretmanager/RegionalSecretVersion",
)
_AS_MOUNT = "hand it to the RUN that needs it by --mount=type=secret: an image keeps what it sets"
_AS_REFERENCE = "hold it in a Secret and refer to it by secretKeyRef"
_AS_VARIABLE = "put it in env by secretKeyRef and write $(NAME)"
_BY_IAM = "log in by IAM, or hand it over in passwordWo: the stack's state and rules see it here"
_BY_REFERENCE = "hold it in a Secret and have what needs it read that"


@check("no-credential-in-clear")
def _credentials(subject: Subject) -> Iterator[Trouble]:
    if subject.of not in _KEEPS:
        for path, mend in dict(_places(subject)).items():
            yield Trouble(path, "(not shown)", mend)


def _places(subject: Subject) -> Iterator[tuple[str, str]]:
    """Where a credential is, and what to do about it."""
    if subject.of == "core/ConfigMap":
        yield from _of_config(subject.properties)
    path, spec = subject.pod or ("", None)
    for where, container in containers(path, spec):
        yield from _of_container(where, container)
    if subject.type == IMAGE:
        yield from _of_dockerfile(subject)
    for variables in ("env", "envs", "extraEnv", "extraEnvs", "extraEnvVars", "environment"):
        for where, variable in found(subject.properties, f"values.**.{variables}[]"):
            if _held(str(at(variable, "name")), at(variable, "value")):
                yield where, _BY_REFERENCE
    for path, value in found(subject.properties, "**"):
        key = last(path)
        named = path.startswith(("values.", "build.args.")) or ".headers." in path
        database = subject.of.startswith("gcp:sql/")
        named = named or database or path == "repositoryOpts.password"
        # A virtual machine's, not an object's.
        named = named or (not subject.api and path.startswith("metadata"))
        looks = isinstance(value, str) and _LOOKS.search(value)
        if looks or (named and _held(key, value)):
            yield path, _BY_IAM if database else _BY_REFERENCE


def _of_dockerfile(subject: Subject) -> Iterator[tuple[str, str]]:
    path = dockerfile(subject)
    try:
        given = [*settings(path.read_text(encoding="utf-8"))] if path else []
    except (OSError, ValueError, UnreadableError):
        # Another rule says so.
        return
    for name, value in given:
        if _held(name, value):
            yield f"{at(subject.properties, 'build.dockerfile')}: {name}", _AS_MOUNT


def _of_config(config: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (data)
    for field in ("data", "binaryData"):
        for key, value in entries(config, field).items():
            text = _decoded(value) if field == "binaryData" else value
            if _held(key, text) or _FILE.fullmatch(key):
                yield f"{field}.{key}", _AS_REFERENCE


def _of_container(path: str, container: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (data)
    for where, variable in found(container, "env[]", path):
        name = str(at(variable, "name"))
        if _held(name, at(variable, "value")):
            yield f"{where} {name}", _AS_REFERENCE
    for field in ("command", "args", *(f"{hook}.exec.command" for hook in _HOOKS)):
        for inner, name, value in _arguments(container, field):
            if _held(name, value):
                yield f"{path}.{inner} {name}", _AS_VARIABLE
    for hook in _HOOKS:
        for where, header in found(container, f"{hook}.httpGet.httpHeaders[]", path):
            if _held(str(at(header, "name")), at(header, "value")):
                yield where, "ask a path that needs none"


def _decoded(value: Any) -> Any:  # noqa: ANN401 (data)
    try:
        return value if value is UNKNOWN else b64decode(str(value)).decode(errors="replace")
    except ValueError:
        return ""


def _held(name: str, value: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a setting holds a credential: by its name, by its look, or within its text."""
    if value is UNKNOWN or isinstance(value, bool):
        return False
    text = "" if value is None else str(value).strip(_AROUND)
    pairs = [] if _HARMLESS.fullmatch(text) else _PAIR.findall(text)
    return (
        _LOOKS.search(text) is not None
        or not all(_HARMLESS.fullmatch(each) for some in _PASSWORDS for each in some.findall(text))
        or any(_is_credential(key, each) for key, each in [(name, text), *pairs])
    )


def _is_credential(name: str, value: str) -> bool:
    name = _CAMEL.sub("_", name)
    # A count of tokens is none; a password of digits is one all the same.
    if not _NAME.search(name):
        return False
    counts = ("tokens", "token") if len(value) < _ID else ("tokens",)
    if name.lower().endswith(counts) and value.isdecimal():
        return False
    if name.lower().endswith("existing_secret"):
        return False
    if _NAMES.fullmatch(f"{name}={value}"):
        return False
    of = _OF_SECRET.fullmatch(name)
    whose = (of[1] or of[2] or "") if of else ""
    is_name = _OBJECT.fullmatch(value) or value in re.split("[_.-]", whose.lower())
    if value and of and is_name and not _HOLDS.fullmatch(whose):
        return False
    return not _HARMLESS.fullmatch(_SCHEME.sub("", value).strip(_AROUND))


def _arguments(container: Any, field: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 (data)
    """What words set, those of a shell's text too: a path, a name and a value each.

    A flag without a value is set to the next word; a word that sets nothing is a URL at the most.
    """
    words = [
        (path, piece.strip(_AROUND))
        for path, word in found(container, f"{field}[]")
        for piece in str(word).split()
    ]
    tools = [
        *(word for _, word in words),
        *(str(word) for each in ("command[]", "args[]") for _, word in found(container, each)),
    ]
    redis, mysql = (any(map(each.fullmatch, tools)) for each in (_REDIS, _MYSQL))
    for (path, word), (_, following) in pairwise([*words, ("", "")]):
        if (redis and word == "-a") or (mysql and re.match("-p.", word)):
            yield path, "password", following if word == "-a" else word[2:]
        elif setting := _SETTING.fullmatch(word):
            yield path, setting[1], setting[2]
        elif (flag := _FLAG.fullmatch(word)) and not following.startswith("-"):
            # Such as curl's: a name and its password.
            user = flag[1] in ("u", "user") and not following.replace(":", "").isdecimal()
            password = following.partition(":")[2] if user else ""
            yield path, "password" if password else flag[1], password or following
        else:
            # A header's name and what it holds are two words.
            yield path, "URL", f"{word} {following}" if word.endswith(":") else word
