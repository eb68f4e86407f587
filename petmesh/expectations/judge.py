"""Compares what came with what was expected."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from petmesh.expectations.decide import decided
from petmesh.expectations.model import (
    Expectation,
    Expected,
    Headers,
    LogLine,
    Pattern,
    Question,
    Seen,
)
from petmesh.expectations.run import Sent, called_by
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.ask import Answer
from petmesh.rehearsal.hops import Hop
from petmesh.rehearsal.share import binomial_interval

CONFIDENCE: Final = 0.999
# Longer values say no more in one line.
_SHOWN: Final = 120


@dataclass(frozen=True)
class Result:
    """The result of one question.

    Attributes:
        misses: one line for each thing that didn't come, with the object that decided.
        seconds: of all its requests together.
        answered: answers by status and workload, such as `200 reviews-v1`.
        skipped: what wasn't asked, and why; empty if all was.
    """

    question: Question
    misses: tuple[str, ...]
    seconds: float
    answered: Mapping[str, int]
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether all that was asked came as expected."""
        return not self.misses

    @property
    def was_asked(self) -> bool:
        """Whether anything was."""
        return bool(self.answered or self.misses)


@dataclass(frozen=True)
class _Case:
    """One answer: its hops, and the pod, workload and version that answered."""

    answer: Answer
    hops: Sequence[Hop]
    pod: str
    workload: str
    version: str

    def counts_for(self, name: str) -> bool:
        """Return whether it is of a workload, version or status."""
        return name in (self.workload, self.version, str(self.answer.status))


# Tells which objects decided about a case.
_Why = Callable[[_Case], str]


def judge(
    mesh: Mesh,
    expectation: Expectation,
    sent: Sent,
    hops: Mapping[str, Sequence[Hop]],
    versions: Mapping[str, str],
) -> Result:
    """Compare the answers to an expectation's requests with what it expects.

    Args:
        mesh: the declared objects.
        expectation: what must come.
        sent: the answers.
        hops: of each request.
        versions: the version of each workload.
    """
    cases = [
        _case(answer, hops.get(answer.id, ()), sent.first, versions) for answer in sent.answers
    ]
    return _compared(expectation, cases, lambda case: decided(mesh, case.hops, sent.first))


def judge_answers(expectation: Expectation, answers: Sequence[Answer]) -> Result:
    """Compare answers of which nobody tells who decided."""
    cases = [_Case(answer, (), "", "", "") for answer in answers]
    return _compared(expectation, cases, lambda _: "")


def _compared(expectation: Expectation, cases: Sequence[_Case], why: _Why) -> Result:
    expected = expectation.expect
    wrong = [(case, lines) for case in cases if (lines := list(_wrong(expected, case)))]
    misses: list[str] = []
    if len(wrong) > expected.failures:
        for line, several in _grouped(wrong).items():
            count = f" ({len(several)} of {len(cases)})" if len(cases) > 1 else ""
            misses.append(_with(f"{line}{count}", why(several[0])))
        if expected.failures:
            misses.append(f"{len(wrong)} of {len(cases)} failed, allowed are {expected.failures}")
    misses += _shares(expected, cases, why)
    answered = Counter(f"{case.answer.status} {case.workload}".strip() for case in cases)
    return Result(
        expectation,
        tuple(misses),
        sum(case.answer.seconds for case in cases),
        dict(answered.most_common()),
    )


def _case(answer: Answer, hops: Sequence[Hop], first: str, versions: Mapping[str, str]) -> _Case:
    pod = called_by(hops, first)
    workload = pod.rpartition("-")[0]
    return _Case(answer, hops, pod, workload, versions.get(workload, ""))


def _wrong(expected: Expected, case: _Case) -> Iterator[str]:
    answer = case.answer
    checks: tuple[Iterator[str], ...] = (
        _status(expected, answer),
        _equal("workload", expected.workload, case.workload),
        _equal("version", expected.version, case.version),
        _redirect(expected, answer),
        _headers("header", expected.headers, answer.headers),
        _body(expected, answer),
        _seen(expected.seen, answer),
        _times(expected, answer),
        _log(expected.log, case.hops),
        _mirrored(expected, case.hops),
    )
    for check in checks:
        yield from check


def _status(expected: Expected, answer: Answer) -> Iterator[str]:
    if expected.status and answer.status not in expected.status:
        wanted = " or ".join(map(str, expected.status))
        yield f"status {wanted} expected, got {answer.status or answer.error}"


def _equal(what: str, wanted: str | None, got: str) -> Iterator[str]:
    if wanted is not None and wanted != got:
        yield f"{what} {wanted} expected, got {got or 'none'}"


def _redirect(expected: Expected, answer: Answer) -> Iterator[str]:
    if expected.redirect is not None:
        yield from _text("redirect to", expected.redirect, answer.headers.get("location"))


def _headers(what: str, wanted: Headers, got: Mapping[str, str]) -> Iterator[str]:
    for name, value in wanted.items():
        yield from _text(f"{what} {name}", value, got.get(name))


def _text(what: str, wanted: str | Pattern | None, got: str | None) -> Iterator[str]:
    if wanted is None:
        if got is not None:
            yield f"{what} absent expected, got {_short(got)}"
    elif got is None or not (wanted.fits(got) if isinstance(wanted, Pattern) else wanted == got):
        yield f"{what} {wanted} expected, got {'none' if got is None else _short(got)}"


def _body(expected: Expected, answer: Answer) -> Iterator[str]:
    wanted, text = expected.body, answer.body.decode(errors="replace")
    if wanted is None:
        return
    if isinstance(wanted, Pattern | str):
        yield from _text("body", wanted, text)
    elif not _includes(_json(text), wanted):
        yield f"body including {json.dumps(wanted)} expected, got {_short(text)}"


def _seen(wanted: Seen | None, answer: Answer) -> Iterator[str]:
    if wanted is None:
        return
    held = _json(answer.body.decode(errors="replace"))
    if not isinstance(held, dict) or "headers" not in held:
        yield "seen expected, but what answered doesn't tell what it got, as a stand-in does"
        return
    seen = cast("dict[str, Any]", held)
    yield from _equal("seen method", wanted.method, str(seen.get("method")))
    yield from _equal("seen path", wanted.path, str(seen.get("path")))
    yield from _headers(
        "seen header", {k.lower(): v for k, v in wanted.headers.items()}, seen["headers"]
    )


def _times(expected: Expected, answer: Answer) -> Iterator[str]:
    if expected.within is not None and answer.seconds > expected.within:
        yield f"within {expected.within:g} s expected, took longer"
    if expected.after is not None and answer.seconds < expected.after:
        yield f"after {expected.after:g} s expected, took less"


def _log(wanted: LogLine | None, hops: Sequence[Hop]) -> Iterator[str]:
    if wanted is None:
        return
    told = wanted.model_dump(exclude_none=True)
    if not any(all(part in _logged(hop)[key] for key, part in told.items()) for hop in hops):
        got = "; ".join(f"{hop.flags} {hop.details} {hop.cluster}".strip() for hop in hops)
        yield f"log {json.dumps(told)} expected, got {_short(got) or 'none'}"


def _logged(hop: Hop) -> dict[str, str]:
    return {
        "flags": hop.flags,
        "details": hop.details,
        "cluster": hop.cluster,
        "route": f"{hop.object} {hop.part}",
    }


def _mirrored(expected: Expected, hops: Sequence[Hop]) -> Iterator[str]:
    wanted = expected.mirrored
    got = {hop.proxy.rpartition("-")[0] for hop in hops if hop.listener.startswith("inbound")}
    if wanted is not None and wanted not in got:
        yield f"a copy to {wanted} expected, got requests at {', '.join(sorted(got)) or 'none'}"


def _shares(expected: Expected, cases: Sequence[_Case], why: _Why) -> list[str]:
    misses: list[str] = []
    total = len(cases)
    pods = sorted({case.pod for case in cases if case.pod})
    if expected.pods is not None and len(pods) != expected.pods:
        line = f"{expected.pods} pods expected, got {', '.join(pods) or 'none'}"
        misses.append(_with(line, why(cases[0])))
    for name, percent in expected.share.items():
        count = sum(case.counts_for(name) for case in cases)
        if expected.tolerance is not None:
            least = (percent - expected.tolerance) / 100 * total
            most = (percent + expected.tolerance) / 100 * total
        else:
            least, most = binomial_interval(total, percent / 100, CONFIDENCE)
        if not least <= count <= most:
            example = next((each for each in cases if not each.counts_for(name)), cases[0])
            line = (
                f"share {percent:g}% of {name} expected ({least / total:.1%} to {most / total:.1%} "
                f"of {total}), got {count / total:.1%}"
            )
            misses.append(_with(line, why(example)))
    return misses


def _with(line: str, reason: str) -> str:
    return f"{line}: {reason}" if reason else line


def _grouped(wrong: Sequence[tuple[_Case, list[str]]]) -> dict[str, list[_Case]]:
    by_line: dict[str, list[_Case]] = {}
    for case, lines in wrong:
        for line in lines:
            by_line.setdefault(line, []).append(case)
    return by_line


def _includes(held: object, wanted: object) -> bool:
    """Return whether JSON has at least what is wanted: of objects these keys, of lists all."""
    if isinstance(wanted, dict):
        keys = cast("dict[str, object]", wanted)
        return isinstance(held, dict) and all(
            key in held and _includes(cast("dict[str, object]", held)[key], value)
            for key, value in keys.items()
        )
    return held == wanted


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
