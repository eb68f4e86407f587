"""The expected results of a row of the fault table."""

from demo.display import markdown
from demo.scenes.trial import Trial, TrialResult, scene
from petmesh.rehearsal.load import LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics

OK = frozenset({"200"})
SOME = frozenset({"200", "502"})


def phase(**answers: int) -> LoadPhase:
    made = LoadPhase("made", latencies=[0.01] * sum(answers.values()))
    for name, count in answers.items():
        made.answers[name.removeprefix("_")] = count
    return made


def problems(
    trial: Trial, during: LoadPhase, after: LoadPhase | None = None, lost: int = 0
) -> list[str]:
    return TrialResult(trial, during, after or phase(_200=5), VersionMetrics(), lost).problems()


def test_a_row_holds_where_callers_saw_what_it_wants_and_nothing_else() -> None:
    assert problems(Trial("gone", OK), phase(_200=5)) == []
    assert problems(Trial("gone", SOME), phase(_200=5, _502=1)) == []
    assert problems(Trial("gone", frozenset(), SOME), phase(_502=1)) == []
    assert problems(Trial("gone", OK), phase(_200=5, _504=1)) == [
        "gone: callers saw 200: 5, 504: 1, not 200 alone"
    ]
    assert problems(Trial("gone", SOME), phase(_200=5)) == [
        "gone: callers saw 200: 5, not 200 and 502 alone"
    ]


def test_an_answer_that_is_not_petservices_breaks_a_row() -> None:
    during = phase(_502=5)
    during.failures["answer 502"] = 1
    assert problems(Trial("gone", frozenset({"502"})), during) == [
        "gone: callers saw 502: 5, answer 502: 1, not 502 alone"
    ]


def test_a_row_that_does_not_recover_breaks() -> None:
    assert problems(Trial("gone", OK), phase(_200=5), phase(_200=4, _502=1)) == [
        "gone: it doesn't recover: 200: 4, 502: 1"
    ]


def test_only_a_seamless_row_counts_what_fails_as_the_fault_begins() -> None:
    assert problems(Trial("gone", OK), phase(_200=5), lost=2) == []
    assert problems(Trial("gone", OK, is_seamless=True), phase(_200=5), lost=2) == [
        "gone: 2 requests failed while it began or ended"
    ]


def test_the_table_as_markdown_names_what_broke() -> None:
    outcome = TrialResult(Trial("a | b", OK), phase(_502=5), phase(_200=5), VersionMetrics(), 0)
    text = markdown([scene("x", "Title", [outcome], ["A note."])])
    assert text.splitlines()[:5] == [
        "**Title**",
        "",
        "| fault | requests | callers saw | retries | ejections | p50 ms | p99 ms | after |",
        "|---|---|---|---|---|---|---|---|",
        r"| a \| b | 5 | 502: 5 | 0 | 0 | 10.0 | 10.0 | 5 of 5 |",
    ]
    assert "✗ a | b: callers saw 502: 5, not 200 alone" in text
