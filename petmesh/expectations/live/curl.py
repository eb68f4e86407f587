"""The requests of a question as curl's configuration, and the answers that curl prints.

Source: https://curl.se/docs/manpage.html#-K and https://curl.se/docs/manpage.html#-w
"""

import json
import uuid
from typing import Any, Final

from multidict import CIMultiDict, CIMultiDictProxy

from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.live.outside import AGENT
from petmesh.expectations.model import Question
from petmesh.rehearsal.ask import Answer

_TIMEOUT_SECONDS: Final = 20
# https://curl.se/docs/manpage.html#EXIT: what came of a connection that was tried.
_NO_ANSWER: Final = {
    7: "connection refused",
    28: "timeout",
    52: "no response",
    55: "connection reset",
    56: "connection reset",
    92: "stream reset",
}


class Curl:
    """A question's requests for one run of curl.

    Args:
        question: what is asked.
        parallel: whether requests are sent at the same time; no body is kept then.
    """

    def __init__(self, question: Question, *, parallel: bool) -> None:
        self._question = question
        self._parallel = parallel
        # What a response can't contain.
        self._mark = uuid.uuid4().hex

    def config(self) -> bytes:
        """Return curl's configuration, for its standard input."""
        first = [f"parallel-max = {self._question.at_once}", "parallel"] if self._parallel else []
        request = self._request()
        requests = "\nnext\n".join(["\n".join(request)] * self._question.times)
        return "\n".join(["silent", *first, requests, ""]).encode()

    def answers(self, printed: bytes) -> list[Answer]:
        """Return the answers in what curl printed.

        Raises:
            NotAskedError: a request wasn't sent, or the answer of one is missing.
        """
        parts = printed.split(self._mark.encode())
        if len(parts) != 3 * self._question.times + 1:
            raise NotAskedError("curl: its output has not the answer of every request")
        return [self._answer(*parts[number : number + 3]) for number in range(0, len(parts) - 1, 3)]

    def _request(self) -> list[str]:
        question = self._question
        headers = {"User-Agent": AGENT, "Accept": "", **question.headers}
        if question.body is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        lines = [
            f"url = {_quoted(question.url)}",
            f"max-time = {_TIMEOUT_SECONDS}",
            "globoff",
            "path-as-is",
            'noproxy = "*"',
            "http1.1",
            *(f"header = {_quoted(_header(*each))}" for each in headers.items()),
            "head" if question.method == "HEAD" else f"request = {_quoted(question.method)}",
            f'write-out = "{self._mark}%{{json}}{self._mark}%{{header_json}}{self._mark}"',
        ]
        if question.body is not None:
            lines.append(f"data-raw = {_quoted(question.body)}")
        if self._parallel or question.method == "HEAD":
            lines.append('output = "/dev/null"')
        return lines

    def _answer(self, body: bytes, told: bytes, headers: bytes) -> Answer:
        try:
            held: dict[str, Any] = json.loads(told)
            code, status = int(held["exitcode"]), int(held["response_code"])
            seconds = float(held["time_total"])
            fields: dict[str, list[str]] = json.loads(headers) if headers.strip() else {}
        except (ValueError, KeyError, TypeError) as error:
            raise NotAskedError("curl: its output can't be read") from error
        if code and code not in _NO_ANSWER:
            raise NotAskedError(f"curl: {held.get('errormsg') or f'exit status {code}'}")
        pairs = [(name, value) for name, values in fields.items() for value in values]
        known = CIMultiDictProxy(CIMultiDict(pairs))
        return Answer("", 0 if code else status, known, body, seconds, _NO_ANSWER.get(code, ""))


def _header(name: str, value: str) -> str:
    # curl sends a header without a value only in this form, and removes its own in the other.
    return f"{name}: {value}" if value else f"{name}:" if name == "Accept" else f"{name};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    for plain, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        escaped = escaped.replace(plain, escape)
    return f'"{escaped}"'
