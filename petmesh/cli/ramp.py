"""The command that ramps a canary.

What it needs is imported with what needs it: a rollback waits for none of it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from typer.models import OptionInfo

from petmesh.cli import values
from petmesh.cli.canary import (
    GoogleProject,
    Group,
    Journal,
    Json,
    Metrics,
    Program,
    Prometheus,
    Queries,
    Service,
    Target,
    app,
    command,
    errors,
)
from petmesh.cli.ramp_page import ramp_with_page
from petmesh.cli.values import OFF, Limit, Pair, Stack, Ui, UiPort
from petmesh.project import project
from petmesh.ramp import ramping
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.hooks import When
from petmesh.ramp.options import (
    NOTIFY_VARIABLE,
    PROMETHEUS,
    WEBHOOK_VARIABLE,
    RampOptions,
    plan_of,
)
from petmesh.ramp.plan import PROMOTION, OnInterrupt, Plan
from petmesh.ramp.replay import replay_journal
from petmesh.ramp.target import UsageError

__all__ = ["app", "ramp"]
_PLAN, _CONDITIONS = Plan(), Conditions()


class _Steps(tuple[int, ...]):
    __slots__ = ()


class _Gates(tuple[int | str, ...]):
    __slots__ = ()


class _Compared(tuple[str, ...]):
    __slots__ = ()


def _steps(text: str) -> _Steps:
    return _Steps(map(values.whole, text.split(",")))


def _gates(text: str) -> _Gates:
    return _Gates(each if each == PROMOTION else values.whole(each) for each in text.split(","))


def _compared(text: str) -> _Compared:
    return _Compared(() if text == OFF else text.split(","))


def _risk(text: str) -> float:
    number = values.limit(text.removesuffix("%")).number
    if number is None:
        raise typer.BadParameter(f"{text}: must be a number of percent, as 1%")
    return number


def _rate(text: str | float) -> float:
    match = re.fullmatch(r"([0-9]{1,5}(?:\.[0-9]+)?)/s", str(text), re.ASCII)
    if isinstance(text, float) or (match and float(match[1])):
        return text if isinstance(text, float) else float(str(text).removesuffix("/s"))
    raise typer.BadParameter(f"{text}: must be requests a second, as 50/s")


def _hook(text: str) -> Pair:
    hook = values.pair(text)
    if hook.key not in set(When):
        raise typer.BadParameter(f"{hook.key}: must be {', '.join(When)}")
    return hook


def _fault(text: str) -> Pair:
    fault = values.pair(text)
    allowed = dict.fromkeys(name for names in project().faults.values() for name in names)
    if fault.key.rpartition(".")[2] not in allowed:
        raise typer.BadParameter(f"{fault.key}: must be {' or '.join(allowed) or 'left out'}")
    return fault


def _time(help_: str, field: str) -> OptionInfo:
    default = f"{getattr(_PLAN, field):g}s"
    return _planned(help_, values.seconds, "TIME", default)


def _planned(
    help_: str, parser: Callable[[str], Any], metavar: str, default: str, *names: str
) -> OptionInfo:
    return typer.Option(
        *names,
        parser=parser,
        metavar=metavar,
        help=help_,
        show_default=default,
        rich_help_panel="Plan",
    )


def _condition(
    help_: str,
    field: str,
    parser: Callable[[str], Any] = values.limit,
    metavar: str = "NUMBER",
) -> OptionInfo:
    default = getattr(_CONDITIONS, field)
    if field == "compare":
        default = ",".join(_CONDITIONS.compare)
    elif field == "warm_up":
        default = f"{default:g}s"
    return typer.Option(
        parser=parser,
        metavar=metavar,
        help=help_,
        show_default=OFF if default is None else str(default),
        rich_help_panel=f"Conditions of the canary; {OFF} switches one off",
    )


@command
def ramp(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
    prometheus: Prometheus = PROMETHEUS,
    queries: Queries = None,
    metrics: Metrics = "prometheus",
    google_project: GoogleProject = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the ramp that a process left.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="JOURNAL",
            help="Judge a past ramp anew, by the conditions that are given; nothing is changed.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Is told of every change of phase, as JSON.",
            show_default=WEBHOOK_VARIABLE,
        ),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Is told as people are, by Apprise: Slack, Teams, mail, ...; repeatable.",
            show_default=NOTIFY_VARIABLE,
        ),
    ] = None,
    ui: Ui = False,
    ui_port: UiPort = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The HTML report.", show_default="beside the journal"),
    ] = None,
    steps: Annotated[
        _Steps | None,
        _planned("Weights in percent.", _steps, "W,W,...", ",".join(map(str, _PLAN.steps))),
    ] = None,
    blue_green: Annotated[
        bool,
        typer.Option(
            "--blue-green", help="One step: from 0 to 100 at once.", rich_help_panel="Plan"
        ),
    ] = False,
    gates: Annotated[
        _Gates | None,
        _planned(
            f"Weights, or {PROMOTION}, that wait for an approval.",
            _gates,
            "W,...",
            "none",
            "--gate",
        ),
    ] = None,
    hold: Annotated[float | None, _time("How long a step lasts at least.", "hold")] = None,
    interval: Annotated[float | None, _time("From one evaluation to the next.", "interval")] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"DAYS HOURS ZONE"',
            show_default=False,
            help="When a step may begin, as Mon-Fri 09:00-16:00 Europe/Berlin; repeatable.",
            rich_help_panel="Plan",
        ),
    ] = None,
    hook: Annotated[
        list[Pair] | None,
        typer.Option(
            parser=_hook,
            metavar="WHEN=CALL",
            show_default=False,
            help=f"A command or an HTTP address, and when: {', '.join(When)}; repeatable.",
            rich_help_panel="Plan",
        ),
    ] = None,
    hook_timeout: Annotated[
        float | None, _time("How long a hook may take.", "hook_timeout")
    ] = None,
    silence: Annotated[
        float | None, _time("How long its source may know of no request.", "silence")
    ] = None,
    patience: Annotated[
        float | None, _time("How long the metrics source may be in error.", "patience")
    ] = None,
    wait: Annotated[
        float | None,
        _time("How much longer a step may wait for enough data and a pass.", "wait"),
    ] = None,
    testers_hold: Annotated[
        float | None, _time("How long only testers get it at first.", "testers_hold")
    ] = None,
    mirror_percent: Annotated[
        int | None,
        _planned("Percent of the requests mirrored to it at first.", values.whole, "PERCENT", "0"),
    ] = None,
    mirror_hold: Annotated[
        float | None, _time("How long requests are mirrored at least.", "mirror_hold")
    ] = None,
    on_interrupt: Annotated[
        OnInterrupt | None,
        typer.Option(help="What Ctrl-C does.", show_default="rollback", rich_help_panel="Plan"),
    ] = None,
    risk: Annotated[
        float | None,
        _condition("How many ramps of a good version may be taken back.", "risk", _risk, "PERCENT"),
    ] = None,
    compare: Annotated[
        _Compared | None,
        _condition(
            "What may be no worse than the stable version's.", "compare", _compared, "NAME,..."
        ),
    ] = None,
    min_requests: Annotated[
        int | None, _condition("Requests in a step before it passes.", "min_requests", values.whole)
    ] = None,
    warm_up: Annotated[
        float | None,
        _condition(
            "From its first request on, its latency isn't judged.",
            "warm_up",
            values.seconds,
            "TIME",
        ),
    ] = None,
    latency_margin_ms: Annotated[
        Limit | None,
        _condition("Milliseconds by which it may be slower.", "latency_margin_ms"),
    ] = None,
    success_rate: Annotated[
        Limit | None, _condition("Lowest success rate, in percent.", "success_rate")
    ] = None,
    p50_ms: Annotated[Limit | None, _condition("Longest p50, in milliseconds.", "p50_ms")] = None,
    p99_ms: Annotated[Limit | None, _condition("Longest p99, in milliseconds.", "p99_ms")] = None,
    load: Annotated[
        float,
        typer.Option(
            parser=_rate,
            metavar="N/s",
            help="Requests a second of its own, where users bring too few.",
            show_default="none",
            rich_help_panel="Load",
        ),
    ] = 0.0,
    load_path: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="What they ask for.",
            show_default="petmesh.yaml's path",
            rich_help_panel="Load",
        ),
    ] = "",
    load_url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Whom they ask.",
            show_default="the stack's output url",
            rich_help_panel="Load",
        ),
    ] = "",
    config: Annotated[
        list[Pair] | None,
        typer.Option(
            parser=values.pair,
            metavar="KEY=VALUE",
            show_default=False,
            help="A config value that wins over the stack's; may be given again.",
            rich_help_panel="Rehearsal",
        ),
    ] = None,
    fault: Annotated[
        list[Pair] | None,
        typer.Option(
            parser=_fault,
            metavar="NAME=VALUE",
            show_default=False,
            help="A canary's fault, of those that petmesh.yaml names; SERVICE.NAME in a group.",
            rich_help_panel="Rehearsal",
        ),
    ] = None,
) -> int:
    """Raise the canary's weight step by step, and promote it or go back.

    Exit status: 0 promoted, 1 couldn't begin, 3 rolled back, 4 left paused, 5 weight 0 not set.
    With --replay: 0 if the canary would have been kept, 3 if it would have been rolled back.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    with errors():
        if blue_green:
            if steps:
                raise UsageError("--blue-green is --steps 100: give one of the two")
            given["steps"] = (100,)
        if window:
            given["windows"] = window
        if hook:
            given["hooks"] = [{"when": when, "call": call} for when, call in hook]
        if replay:
            return replay_journal(replay, _fields(given, Conditions))
        options = RampOptions(
            stack=stack,
            service=service,
            group=group,
            program=program,
            journal=journal,
            target=target,
            json=json,
            prometheus=prometheus,
            queries=queries,
            metrics=metrics,
            google_project=google_project,
            notify=tuple(notify or ()),
            plan=plan_of(_fields(given, Plan), _fields(given, Conditions)),
            resume=resume,
            webhook=webhook,
            report=report,
            config=dict(config or ()),
            faults=dict(fault or ()),
            load=load,
            load_path=load_path,
            load_url=load_url,
        )
        if ui or ui_port:
            return asyncio.run(ramp_with_page(options, ui_port))
        return asyncio.run(ramping.ramp(options))


def _fields(given: Mapping[str, object], model: type[BaseModel]) -> dict[str, object]:
    """The values that are a model's fields."""
    return {
        name: value.number if isinstance(value, Limit) else value
        for name, value in given.items()
        if name in model.model_fields
    }
