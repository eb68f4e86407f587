"""Judges a past ramp anew, by other conditions."""

from collections.abc import Mapping
from pathlib import Path

from petmesh.ramp.conditions import Outcome
from petmesh.ramp.journal import read
from petmesh.ramp.options import conditions_of
from petmesh.ramp.outcome import PROMOTED, ROLLED_BACK
from petmesh.ramp.target import TargetError


def replay_journal(path: Path, changed: Mapping[str, object]) -> int:
    """Print what the verdicts of a ramp would have been; returns the exit status.

    The ramp's requests are what they were: at the weights that it had, for as long as it had them.

    Args:
        path: the journal.
        changed: conditions by their name that are not the ramp's.

    Returns:
        0 where the canary would have been kept until the journal's end, else 3.

    Raises:
        JournalError: the journal can't be read.
        UsageError: a condition isn't allowed.
        TargetError: the ramp was never judged.
    """
    record = read(path)
    conditions = conditions_of({**record.header.plan.conditions.model_dump(), **changed})
    judge = record.header.judge(conditions)
    judged = 0
    for entry, verdict in record.judged(judge):
        judged += 1
        line = f"{entry.at[11:19]} {record.header.label} {entry.state.weight}%"
        print(f"{line}: {verdict.outcome.value}: {verdict.reason}")
        if verdict.outcome is Outcome.FAIL:
            print(f"it would have been rolled back at {entry.at}; it {_ended(record.state.phase)}")
            return ROLLED_BACK
    if not judged:
        raise TargetError(f"{path}: the ramp was never judged")
    print(f"it would not have been rolled back; it {_ended(record.state.phase)}")
    return PROMOTED


def _ended(phase: str) -> str:
    return f"was {phase}"
