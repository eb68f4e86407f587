"""Judges the services of a ramp, each by itself, and all of them together."""

from collections.abc import Mapping, Sequence

from petmesh.ramp.conditions import WORSE, Conditions, Outcome, Verdict
from petmesh.ramp.judge import Judge
from petmesh.ramp.target import Observations, by_service

_WORST_FIRST = (*WORSE, Outcome.NOT_ENOUGH_DATA, Outcome.PASS)


class GroupJudge:
    """What is known of the canaries of a ramp so far, and the verdict on all of them.

    Each has a verdict of its own. The risk is the whole ramp's: it is shared equally among them, so
    that a group of good versions is taken back no more often than a single one (Bonferroni).

    Args:
        conditions: what each canary must hold to.
        services: the services that are ramped together.
        before: intervals before the ramp, of which the stable versions' figures count.
    """

    def __init__(
        self, conditions: Conditions, services: Sequence[str], before: Sequence[Observations] = ()
    ) -> None:
        shared = conditions.model_copy(update={"risk": conditions.risk / len(services)})
        self._judges = {
            service: Judge(shared, [each[service] for each in before if service in each])
            for service in services
        }

    def begin_stage(self) -> None:
        """Begin a step: its requests are counted anew; the evidence stays."""
        for judge in self._judges.values():
            judge.begin_stage()

    @property
    def alarmed(self) -> bool:
        """Whether so much failed in the latest interval that the next look should be soon."""
        return any(judge.alarmed for judge in self._judges.values())

    def is_broken(self, seen: Observations) -> bool:
        """Whether one would fail at once, by a part of an interval."""
        return any(judge.is_broken(seen[service]) for service, judge in self._judges.items())

    def take(self, seen: Observations, due: Mapping[str, float | None]) -> Verdict:
        """Take a further interval.

        Args:
            seen: both versions of each service in the interval.
            due: how many of its requests should have reached each canary, as of `Judge.take`.

        Returns:
            The worst of theirs: it fails where one does, and passes where all do.
        """
        verdicts = {
            service: judge.take(seen[service], due[service])
            for service, judge in self._judges.items()
        }
        outcomes = {verdict.outcome for verdict in verdicts.values()}
        outcome = next(each for each in _WORST_FIRST if each in outcomes)
        reasons = {
            service: verdict.reason
            for service, verdict in verdicts.items()
            if outcome not in WORSE or verdict.outcome is outcome
        }
        told = by_service(reasons, named=len(verdicts) > 1)
        return Verdict(outcome, told, clean=all(verdict.clean for verdict in verdicts.values()))
