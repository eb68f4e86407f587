"""Drives a ramp: carries out what the state machine asks for, and tells it what happens."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from petmesh.ramp.conditions import Verdict
from petmesh.ramp.control import take
from petmesh.ramp.events import Done, Event, Failed, Hooked, Judged, MetricsFailed, Pause, RollBack
from petmesh.ramp.group_judge import GroupJudge
from petmesh.ramp.header import RampHeader
from petmesh.ramp.hooks import HookedTarget
from petmesh.ramp.journal import Entry, Journal, JournalError, now
from petmesh.ramp.machine import (
    FINAL,
    WATCHED,
    Action,
    ActionKind,
    Phase,
    State,
    Transition,
    advance,
    begins_a_hold,
)
from petmesh.ramp.schedule import Clock, is_open, utc_now
from petmesh.ramp.target import Observations, Target, TargetError

_POLL_SECONDS = 0.1
_OBSERVE_SECONDS = 10.0
_RETRY_SECONDS = 2.0
# The part of an interval after which what failed much is looked at again.
_EARLY = 0.25
_LONGEST_BACKOFF_SECONDS = 30.0


class Listener(Protocol):
    """Learns of every line of the journal, after it is on the disk; it must not block.

    One that raises is told nothing more: a terminal that is gone ends no ramp.
    """

    def entry(self, entry: Entry) -> None:
        """Something happened."""
        ...


@dataclass(frozen=True)
class RampRun:
    """A ramp at its beginning, or where another process left it.

    Attributes:
        header: what it was asked to do.
        journal: where every event is written before what follows from it is done.
        transition: where to begin.
        judge: what is known of the canaries.
        taken_up: what happened when it was taken up, which no listener was told yet.
        clock: the time, for the plan's windows.
    """

    header: RampHeader
    journal: Journal
    transition: Transition
    judge: GroupJudge
    taken_up: Sequence[Entry] = ()
    clock: Clock = utc_now


class Driver:
    """One ramp on one target.

    Args:
        run: the ramp.
        target: where it runs.
        folder: where requests to this process are put.
        listeners: who learns of what happens.
        attended: whether somebody is there to go on with a promotion that failed. Otherwise the
            ramp is left then, paused.
    """

    def __init__(
        self,
        run: RampRun,
        target: Target,
        folder: Path,
        listeners: Sequence[Listener] = (),
        *,
        attended: bool = True,
    ) -> None:
        self._header = run.header
        self._plan = run.header.plan
        self._journal = run.journal
        self._judge = run.judge
        self._state = run.transition.state
        self._action = run.transition.action
        self._target: Target = target
        if self._plan.hooks:
            facts = self._header.facts
            self._target = HookedTarget(
                target, self._plan.hooks, self._plan.hook_timeout, facts, self.post
            )
        self._folder = folder
        self._listeners = list(listeners)
        self._attended = attended
        self._clock = run.clock
        self._taken_up = run.taken_up
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._since = 0.0
        self._answered = 0.0
        self._counted_from = 0.0
        self._seen_at: dict[str, float] = {}
        self._counted: Observations = {}
        self._blind = False
        self._work: asyncio.Task[Event] | None = None

    @property
    def state(self) -> State:
        """Where the ramp stands."""
        return self._state

    def post(self, event: Event) -> None:
        """Let something happen to the ramp; to be called in the driver's own event loop."""
        self._inbox.put_nowait(event)

    async def run(self) -> State:
        """Drive the ramp until it has ended, is stuck, or is left paused.

        Where the journal can't be written any more, the ramp goes back. Whatever else goes wrong
        in here, weight 0 is set before it is raised.
        """
        for entry in self._taken_up:
            self._tell(entry)
        try:
            await self._until_ended()
        except Exception:
            await self._abandon()
            raise
        finally:
            if self._work is not None:
                self._work.cancel()
                await asyncio.wait([self._work])
        return self._state

    async def _until_ended(self) -> None:
        self._begin_hold()
        requests = asyncio.create_task(self._take_requests())
        watch: asyncio.Task[Event] | None = None
        inbox = asyncio.create_task(self._inbox.get())
        try:
            while not self._ended():
                if self._work is None and self._action is not None:
                    action, self._action = self._action, None
                    self._work = asyncio.create_task(self._carry_out(action, self._state))
                if watch is None and self._work is None and self._state.phase in WATCHED:
                    watch = asyncio.create_task(self._evaluate())
                waiting = {task for task in (self._work, watch, inbox) if task is not None}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._work in done:
                    outcome, self._work = self._work.result(), None
                    # What a newer action replaces is waited for, and then of no interest.
                    if self._action is None:
                        self._happen(outcome)
                if inbox in done:
                    self._happen(inbox.result())
                    inbox = asyncio.create_task(self._inbox.get())
                if watch in done:
                    self._happen(watch.result())
                    watch = None
                if watch is not None and self._state.phase not in WATCHED:
                    watch.cancel()
                    watch = None
            self._tell_late(inbox)
        finally:
            started = [task for task in (watch, inbox, requests) if task is not None]
            for task in started:
                task.cancel()
            await asyncio.wait(started)

    def _tell_late(self, inbox: "asyncio.Task[Event]") -> None:
        """Write down which hooks were called at the end; nothing else happens any more."""
        late = [inbox.result()] if inbox.done() else []
        while not self._inbox.empty():
            late.append(self._inbox.get_nowait())
        for event in late:
            if isinstance(event, Hooked):
                self._happen(event)

    async def _abandon(self) -> None:
        """Set weight 0 without the state machine, unless the canary may be the stable version."""
        if self._state.phase in FINAL or self._state.phase is Phase.PROMOTING:
            return
        if self._work is not None:
            if self._state.phase is not Phase.ROLLING_BACK:
                with suppress(Exception):
                    self._target.interrupt()
            await asyncio.wait([self._work])
        for attempt in range(self._plan.rollback_attempts):
            back = State(Phase.ROLLING_BACK, attempts=attempt)
            if isinstance(await self._carry_out(Action(ActionKind.SPLIT), back), Done):
                return

    def _ended(self) -> bool:
        phase = self._state.phase
        return (
            phase in FINAL or phase is Phase.STUCK or (phase is Phase.PAUSED and self._state.left)
        )

    def _happen(self, event: Event) -> None:
        before = self._state
        transition = advance(self._plan, before, event)
        try:
            entry = self._journal.write(event, transition)
        except JournalError as error:
            # Nobody could take up a ramp that isn't written down: end it while this process can.
            transition = self._back_from(transition, str(error))
            entry = Entry(now(), event, transition.state, transition.action)
        self._state = transition.state
        if transition.action is not None:
            self._action = transition.action
            if self._work is not None and transition.state.phase is Phase.ROLLING_BACK:
                # What can't be interrupted is waited for.
                with suppress(Exception):
                    self._target.interrupt()
        if begins_a_hold(before.phase, transition.state.phase):
            self._judge.begin_stage()
            self._begin_hold()
        self._tell(entry)
        if isinstance(event, Failed) and self._state.phase is Phase.PAUSED and not self._attended:
            self.post(Pause(left=True))

    def _tell(self, entry: Entry) -> None:
        for listener in tuple(self._listeners):
            try:
                listener.entry(entry)
            except Exception:  # noqa: BLE001 (whatever it is, the ramp goes on)
                self._listeners.remove(listener)

    def _back_from(self, transition: Transition, reason: str) -> Transition:
        state = transition.state
        if state.phase in FINAL or state.phase in (Phase.ROLLING_BACK, Phase.STUCK):
            return transition
        event = RollBack(reason=reason)
        back = advance(self._plan, state, event)
        if not back.action:
            return transition
        with suppress(JournalError):
            self._journal.write(event, back)
        return back

    async def _carry_out(self, action: Action, state: State) -> Event:
        if state.attempts:
            await asyncio.sleep(min(2.0**state.attempts / 4, _LONGEST_BACKOFF_SECONDS))
        try:
            if action.kind is ActionKind.PROMOTE:
                await self._target.promote(self._header.releases(state.weight))
            else:
                await self._target.apply(self._header.releases(action.weight, action.mirror))
        except TargetError as error:
            return Failed(reason=str(error))
        except Exception as error:  # noqa: BLE001 (a change that nobody knows the end of)
            return Failed(reason=_unexpected(error))
        return Done()

    async def _evaluate(self) -> Event:
        """Wait for the next evaluation's time, and judge what was seen until then."""
        await self._wait()
        held = _now() - self._since
        timeout = min(_OBSERVE_SECONDS, max(1.0, self._patience_left()))
        try:
            async with asyncio.timeout(timeout):
                observations, verdict = await self._look(held)
        except TargetError as error:
            return self._no_metrics(str(error))
        except TimeoutError:
            return self._no_metrics(f"no answer within {timeout:.0f} s")
        except Exception as error:  # noqa: BLE001 (a source that can't be read, whatever it says)
            return self._no_metrics(_unexpected(error))
        self._blind = False
        self._answered = _now()
        return Judged(
            outcome=verdict.outcome,
            reason=verdict.reason,
            held=held,
            clean=verdict.clean,
            shut=not is_open(self._plan.windows, self._clock()),
            observations=observations,
        )

    async def _wait(self) -> None:
        """Until the next evaluation; while much fails, no longer than until it is plain."""
        early = self._plan.interval * _EARLY
        if self._judge.alarmed and not self._blind and early < self._until_evaluation():
            await asyncio.sleep(early)
            with suppress(Exception):  # the evaluation tells what is wrong with the source
                async with asyncio.timeout(_OBSERVE_SECONDS):
                    if self._judge.is_broken(self._since_last(await self._count())):
                        return
        await asyncio.sleep(self._until_evaluation())

    async def _count(self) -> Observations:
        split = self._header.releases(self._state.weight, self._state.mirror)
        return await self._target.observe(split, _now() - self._counted_from)

    def _since_last(self, counted: Observations) -> Observations:
        return {
            service: each.since(self._counted.get(service)) for service, each in counted.items()
        }

    async def _look(self, held: float) -> tuple[Observations, Verdict]:
        """What came since the last look, and the verdict.

        The source counts from the step's beginning on, so that what it learns late comes with a
        later look; now and then it counts anew.
        """
        seconds = _now() - self._counted_from
        counted = await self._count()
        seen = self._since_last(counted)
        self._counted = counted
        if seconds > self._plan.silence:
            self._counted_from, self._counted = _now(), {}
        self._check_silence(seen)
        return seen, self._judge.take(seen, self._header.due(self._state, seen, held))

    def _check_silence(self, seen: Observations) -> None:
        """Raise a TargetError where a service has no request for so long that none may be known."""
        self._seen_at |= {service: _now() for service, each in seen.items() if each.requests}
        for service in seen:
            silent = _now() - self._seen_at.get(service, self._since)
            if silent >= self._plan.silence:
                of = f" of {service}" if self._header.is_group else ""
                raise TargetError(
                    f"no request to either version{of} is known in {silent:.0f} s: "
                    "nobody calls, or the source lacks them"
                )

    def _begin_hold(self) -> None:
        self._since = self._answered = self._counted_from = _now()
        self._seen_at, self._counted = {}, {}

    def _no_metrics(self, reason: str) -> MetricsFailed:
        self._blind = True
        return MetricsFailed(reason=reason, lasting=_now() - self._answered)

    def _until_evaluation(self) -> float:
        """Seconds; after an error the source is asked again sooner, at the latest at its end."""
        interval = self._plan.interval
        held = _now() - self._since
        seconds = (math.floor(held / interval) + 1) * interval - held
        return (
            max(0.0, min(seconds, _RETRY_SECONDS, self._patience_left()))
            if self._blind
            else seconds
        )

    def _patience_left(self) -> float:
        return self._plan.patience - (_now() - self._answered)

    async def _take_requests(self) -> None:
        while True:
            # A request that can't be read now is looked for again.
            with suppress(OSError):
                for event in take(self._folder):
                    self.post(event)
            await asyncio.sleep(_POLL_SECONDS)


def _unexpected(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _now() -> float:
    return asyncio.get_running_loop().time()
