"""An answer of Prometheus' query API: the numbers in it, and nothing that only looks like one.

Source:
    https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

_OK = 200
_NUMBER = re.compile(r"NaN|[+-]?(Inf|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)")
# https://github.com/prometheus/prometheus/blob/main/util/annotations/annotations.go
_ADVICE = "PromQL info:"


class ReplyError(ValueError):
    """It gives no numbers; the text says why."""


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError("it is no number")
    return text


_Value = tuple[float, Annotated[str, AfterValidator(_number)]]
# Labels, and a number.
Sample = tuple[Mapping[str, str], float]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True)


class _Series(_Model):
    metric: dict[str, str] = Field(default_factory=dict[str, str])
    value: _Value


class _Vector(_Model):
    resultType: Literal["vector"]  # noqa: N815 (Prometheus' name)
    result: tuple[_Series, ...]


class _Scalar(_Model):
    resultType: Literal["scalar"]  # noqa: N815 (Prometheus' name)
    result: _Value


class _Success(_Model):
    """An answer with numbers.

    Attributes:
        warnings: why they may be wrong or not all; Prometheus 2 has advice among them.
        partial: whether they are not all, as VictoriaMetrics says it.
    """

    status: Literal["success"]
    data: Annotated[_Vector | _Scalar, Field(discriminator="resultType")]
    warnings: tuple[str, ...] | None = None
    partial: bool = Field(default=False, alias="isPartial")


class _Refusal(_Model):
    status: Literal["error"]
    error: Annotated[str, Field(min_length=1)]


_REPLY: TypeAdapter[_Success | _Refusal] = TypeAdapter(
    Annotated[_Success | _Refusal, Field(discriminator="status")]
)


def samples(status: int, kind: str, body: bytes) -> list[Sample]:
    """Labels and one number for each series of an answer, infinite or NaN too.

    Args:
        status: of HTTP.
        kind: the content's type, for people.
        body: what is answered.

    Raises:
        ReplyError: it is no such answer, an error, or one with a warning.
    """
    reply = _parsed(status, kind, body)
    if isinstance(reply, _Refusal):
        raise ReplyError(reply.error)
    if status != _OK:
        raise ReplyError(f"it answers with status {status} ({kind})")
    for warning in reply.warnings or ():
        if not warning.startswith(_ADVICE):
            raise ReplyError(f"it warns: {warning}")
    if reply.partial:
        raise ReplyError("its answer is partial")
    data = reply.data
    if isinstance(data, _Scalar):
        return [({}, float(data.result[1]))]
    return [(each.metric, float(each.value[1])) for each in data.result]


def _parsed(status: int, kind: str, body: bytes) -> _Success | _Refusal:
    try:
        return _REPLY.validate_json(body)
    except ValidationError as error:
        wrong = error.errors()[0]
        if status != _OK:
            raise ReplyError(f"it answers with status {status} ({kind})") from error
        if wrong["type"] == "json_invalid":
            raise ReplyError(f"it answers no JSON ({kind})") from error
        if wrong["loc"][:1] == ("success",):
            raise ReplyError("it gives no number") from error
        raise ReplyError(f"no answer of its API ({kind})") from error
