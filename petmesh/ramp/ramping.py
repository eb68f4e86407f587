"""The commands that drive a ramp: a new one, one that is taken up, and one that is ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pydantic import ValidationError
from rich.console import Console

from petmesh.program.plain import plain
from petmesh.ramp.before import ask_source, observe_before, until_open
from petmesh.ramp.driver import Driver, Listener, RampRun
from petmesh.ramp.events import Event, Interrupt, Restarted, Resume, RollBack
from petmesh.ramp.files import open_regular
from petmesh.ramp.header import RampHeader, members_of
from petmesh.ramp.journal import Entry, Journal, JournalError, Record, latest, now, read
from petmesh.ramp.locations import check_names, held_stack, journal_folder, lock_folder
from petmesh.ramp.machine import FINAL, WATCHED, Phase, State, Transition, advance, begin
from petmesh.ramp.options import NOTIFY_VARIABLE, WEBHOOK_VARIABLE, Options, RampOptions
from petmesh.ramp.outcome import exit_status, last_line, standing
from petmesh.ramp.plan import Plan
from petmesh.ramp.progress import InBackground, JsonLines, LiveView, PlainLines, say
from petmesh.ramp.report import write_report
from petmesh.ramp.target import Releases, Target, TargetError, UsageError, by_service
from petmesh.ramp.targets import OpenTarget, check_place, cluster_of, loaded
from petmesh.ramp.webhook import Notifier, Webhook

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WEBHOOK_SECONDS = 5.0
# A ramp that is on its way to an end needs no figures.
_ASKING = (*WATCHED, Phase.APPLYING)
_ALL = 100
# Standard input and output; one that is closed is no terminal.
_TERMINAL = (0, 1)


# Shows a ramp somewhere else than in the terminal: its context is open while the ramp is driven.
Watch = Callable[[RampRun, OpenTarget, Options], AbstractAsyncContextManager[Listener]]


async def ramp(options: RampOptions, watch: Watch | None = None) -> int:
    """Ramp, or go on with a ramp; returns the exit status."""
    if options.resume and options.plan:
        raise UsageError("--resume goes on with the ramp's own plan: give no steps or conditions")
    check_place(options)
    url = _webhook_url(options.webhook)
    notify = options.notify or _environments_addresses()
    _check_addresses(notify)
    _check_report(options.report)
    plan = _with_own(options.plan or Plan(), options)
    check_names(options)
    async with cluster_of(options) as cluster:
        services: Sequence[str] = ()
        if cluster is not None:
            services = await cluster.services()
            if not options.name:
                options = replace(options, service=services[0])
        with held_stack(journal_folder(options), options, services):
            ended = await _ramped(options, plan, cluster, (url, notify), watch)
    # Nobody waits for what follows: the stack is free.
    await follow_up(ended, options, options.report)
    say(last_line(ended.run.header, ended.state), _out(options))
    return exit_status(ended.state)


async def _ramped(
    options: RampOptions,
    plan: Plan,
    cluster: "ClusterTarget | None",
    addresses: tuple[str, Sequence[str]],
    watch: Watch | None,
) -> "Ended":
    """Ramp on an open cluster or in a rehearsal, as the only process that does."""
    record = latest(journal_folder(options))
    if options.resume and (record is None or record.state.phase in FINAL):
        raise TargetError(f"stack {options.stack}: no ramp was left to go on with")
    async with loaded(options, cluster) as place:
        live = await place.target.releases()
        if options.resume and record is not None:
            if record.state.phase in _ASKING:
                await ask_source(record.header, place.target, record.header.plan.silence)
            run = taken_up(record, live, [Resume()])
        else:
            refuse_unfinished(record, live, options)
            check_start(live, options)
            run = await _begun(options, plan, live, place.target)
        return await _drive(run, place, options, addresses, watch)


async def _begun(options: RampOptions, plan: Plan, live: Releases, target: Target) -> RampRun:
    """A new ramp, once it may begin."""
    await target.prepare()
    header = RampHeader(
        at=now(),
        stack=options.stack,
        group=options.what if options.group else "",
        members=members_of(live),
        target=options.target,
        plan=plan,
    )
    await until_open(header, _tell_waiting)
    before = await observe_before(header, target, _tell_waiting)
    header = header.model_copy(update={"before": before})
    journal = Journal.create(journal_folder(options), header)
    return RampRun(header, journal, begin(plan), header.judge())


def _with_own(plan: Plan, options: RampOptions) -> Plan:
    """The plan with the conditions of the user's own queries."""
    if options.queries is None:
        return plan
    from petmesh.ramp.prometheus import read_queries  # noqa: PLC0415

    own = {name: each.allowed for name, each in read_queries(options.queries).own.items()}
    conditions = plan.conditions.model_copy(update={"own": own})
    return plan.model_copy(update={"conditions": conditions})


def _tell_waiting(text: str) -> None:
    say(f"petmesh: {text}", sys.stderr)


@dataclass(frozen=True)
class Ended:
    """A ramp that this process drove to its end."""

    run: RampRun
    state: State
    notifiers: Sequence[Notifier]
    load: str


async def end(options: Options, target: Target, record: Record) -> Ended:
    """Roll back a ramp that no process runs; a webhook that can't be used keeps nobody from it."""
    try:
        url = _webhook_url()
    except UsageError as error:
        say(f"petmesh: no webhook is told: {error}", sys.stderr)
        url = ""
    notify = _environments_addresses()
    try:
        _check_addresses(notify)
    except (UsageError, ImportError) as error:
        say(f"petmesh: nobody is told: {error}", sys.stderr)
        notify = ()
    live = await target.releases()
    run = taken_up(record, live, [RollBack(half_promoted=True)])
    return await _drive(run, OpenTarget(target), options, (url, notify))


async def follow_up(ended: Ended, options: Options, report: Path | None = None) -> None:
    """Write the report, and let the webhook be told the rest; trouble in here is told alone."""
    path = ended.run.journal.path
    report = report or path.with_suffix(".html")
    try:
        write_report(read(path), report)
    except Exception as error:  # noqa: BLE001 (how the ramp ended is told all the same)
        say(plain(f"petmesh: no report was written: {error}"), sys.stderr)
    for notifier in ended.notifiers:
        name = notifier.name
        try:
            await notifier.close(_WEBHOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 (the same)
            say(plain(f"petmesh: {name} failed: {error}"), sys.stderr)
        if notifier.dropped:
            say(f"petmesh: {notifier.dropped} messages to {name} were lost", sys.stderr)
    if ended.load:
        say(ended.load, _out(options))
    say(f"journal: {path}\nreport: {report}", _out(options))


def taken_up(record: Record, live: Releases, events: Sequence[Event]) -> RampRun:
    """A ramp that another process left, after what happens first.

    Raises:
        TargetError: the stack has other versions by now.
        JournalError: the journal can't be written, or what is live can't be told in it.
    """
    header = record.header
    promoted = is_half_promoted(record, live)
    if not promoted and not is_of(header, live):
        raise TargetError(
            f"the stack went on without the ramp of {header.canary}: it is {told(live)} now"
        )
    try:
        restarted = _restarted(live, promoted=promoted)
    except ValidationError as error:
        raise JournalError(
            f"{record.path}: it can't be gone on with: live is {told(live)}"
        ) from error
    journal = Journal.reopen(record)
    state, action = record.state, None
    entries: list[Entry] = []
    for event in (restarted, *events):
        transition = advance(header.plan, state, event)
        try:
            entries.append(journal.write(event, transition))
        except JournalError:
            journal.close()
            raise
        state = transition.state
        action = transition.action or action
    return RampRun(header, journal, Transition(state, action), record.judge(), entries)


def _restarted(live: Releases, *, promoted: bool) -> Restarted:
    """What is in force as a process takes it up; nothing is known of it where services differ."""
    splits = {(each.weight, each.mirror) for each in live.values()}
    if promoted:
        return Restarted(weight=_ALL, mirror=0)
    if len(splits) > 1:
        return Restarted()
    [(weight, mirror)] = splits
    return Restarted(weight=weight, mirror=mirror)


def is_of(header: RampHeader, live: Releases) -> bool:
    """Whether a ramp is one of the versions that the stack has."""
    return {service: each.at_zero for service, each in live.items()} == header.releases()


def is_half_promoted(record: Record, live: Releases) -> bool:
    """Whether a route is the canary's alone, though the ramp's promotion didn't end."""
    unfinished = record.state.phase not in FINAL
    last = record.state.stage == len(record.header.plan.stages) - 1
    ours = record.header.releases()
    promoted = {service: each.promoted for service, each in ours.items()}
    return (
        unfinished
        and last
        and live.keys() == ours.keys()
        and any(live[service] == promoted[service] for service in ours)
        and all(
            each == promoted[service] or each.at_zero == ours[service]
            for service, each in live.items()
        )
    )


def refuse_unfinished(record: Record | None, live: Releases, options: Options) -> None:
    """Refuse a new ramp while another is unfinished; a rehearsal's mesh ended with its process."""
    if record is None or record.state.phase in FINAL or options.target == "rehearsal":
        return
    if is_of(record.header, live) or is_half_promoted(record, live):
        raise TargetError(
            f"stack {options.stack}: a ramp is unfinished, {standing(record.header, record.state)}"
            "; go on with ramp --resume, or end it with rollback"
        )


def check_start(live: Releases, options: Options) -> None:
    """See that a ramp can begin."""
    for service, each in live.items():
        where = f"stack {options.stack}: {service}"
        if not each.canary:
            raise TargetError(
                f"{where} has no canary: set its version in config and run make up first"
            )
        if each.is_raised:
            raise TargetError(
                f"{where} has its canary at weight {each.weight}, mirror percent {each.mirror}: "
                "a ramp begins at 0; run rollback first"
            )


def told(live: Releases) -> str:
    """What is live, in one line."""
    return by_service(live, named=len(live) > 1)


async def _drive(
    run: RampRun,
    place: OpenTarget,
    options: Options,
    addresses: tuple[str, Sequence[str]],
    watch: Watch | None = None,
) -> Ended:
    """Drive a ramp, with the webhook's address and Apprise's, each empty for none."""
    notifiers = _notifiers(run.header, *addresses)
    try:
        async with AsyncExitStack() as stack:
            shown = stack.enter_context(InBackground(_shown(options, run.header, stack)))
            listeners: list[Listener] = [shown, *notifiers]
            if watch:
                listeners.append(await stack.enter_async_context(watch(run, place, options)))
            attended = any(map(os.isatty, _TERMINAL))
            driver = Driver(run, place.target, lock_folder(options), listeners, attended=attended)
            stack.enter_context(_interrupting(driver))
            state = await driver.run()
    finally:
        run.journal.close()
    load = ""
    if place.load:
        sent = sum(phase.requests for phase in place.load.phases)
        failed = sum(phase.failed for phase in place.load.phases)
        load = f"load: {sent:,} requests, {failed} failed"
    if place.traffic:
        load = str(place.traffic)
    return Ended(run, state, notifiers, load)


def _notifiers(header: RampHeader, url: str, addresses: Sequence[str]) -> list[Notifier]:
    notifiers: list[Notifier] = [Webhook(url, header)] if url else []
    if addresses:
        # It takes a while to import, and a rollback has none.
        from petmesh.ramp.notifications import Notifications  # noqa: PLC0415

        notifiers.append(Notifications(addresses, header))
    return notifiers


def _environments_addresses() -> tuple[str, ...]:
    return tuple(os.environ.get(NOTIFY_VARIABLE, "").split())


def _check_addresses(addresses: Sequence[str]) -> None:
    """See that people can be told by them, before anything is done."""
    if addresses:
        from petmesh.ramp.notifications import check_addresses  # noqa: PLC0415

        check_addresses(addresses)


def _webhook_url(option: str | None = None) -> str:
    """The webhook's address, which may hold a secret: no message shows it."""
    url = option or os.environ.get(WEBHOOK_VARIABLE, "")
    if url and not url.startswith(("http://", "https://")):
        name = "--webhook" if option else WEBHOOK_VARIABLE
        raise UsageError(f"{name}: must be an http:// or https:// address")
    return url


def _check_report(path: Path | None) -> None:
    """See that the report can be written, before anything is done."""
    if path is None:
        return
    try:
        new = not path.exists()
        open_regular(path, os.O_RDWR | os.O_CREAT).close()
    except OSError as error:
        raise UsageError(f"--report = {path}: {error.strerror}") from error
    if new:
        path.unlink()


def _shown(options: Options, header: RampHeader, stack: AsyncExitStack) -> Listener:
    console = Console(file=sys.stdout)
    if options.json or not console.is_terminal:
        return _lines(options, header)
    try:
        return stack.enter_context(LiveView(header, console))
    except (OSError, ValueError):
        return _lines(options, header)


def _out(options: Options) -> TextIO:
    """Where people read what is told; with --json standard output is for JSON alone."""
    return sys.stderr if options.json else sys.stdout


def _lines(options: Options, header: RampHeader) -> Listener:
    return JsonLines(sys.stdout) if options.json else PlainLines(header, sys.stdout)


@contextmanager
def _interrupting(driver: Driver) -> Generator[None]:
    """Let Ctrl-C and a terminal that goes away reach the ramp."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, driver.post, Interrupt())
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
