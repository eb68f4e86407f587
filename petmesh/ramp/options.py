"""The command line's arguments, and the plan that they make."""

import argparse
import re
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from petmesh.project import project
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.plan import PROMOTION, OnInterrupt, Plan
from petmesh.ramp.target import UsageError

MISTAKEN = 2
WEBHOOK_VARIABLE = "CANARY_WEBHOOK"
FAULTS = project().faults
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULTS = Plan()
_OFF = "off"
_PLAN = (
    *("steps", "hold", "interval", "window", "failures", "patience", "wait", "gates"),
    *("testers_hold", "mirror_percent", "mirror_hold", "on_interrupt"),
)
_CONDITIONS = tuple(Conditions.model_fields)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKEN, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    top = _Parser(prog="canary", description="Canary releases of a stack's service.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in (
        ("ramp", "raise the canary's weight step by step, and promote it or go back"),
        ("promote", "make the canary the stable version"),
        ("rollback", "set the canary's weight to 0"),
        ("status", "who gets which requests, how both do, and where a ramp stands"),
        ("pause", "keep the weight of the ramp that runs where it is; it is watched on"),
        ("resume", "let a paused ramp go on"),
        ("approve", "open the gate that the ramp waits at"),
        ("report", "write the HTML report of a ramp's journal"),
    ):
        command = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
        command.add_argument("--stack", default="local", help="the stack (default: local)")
        command.add_argument(
            "--journal",
            type=Path,
            metavar="FOLDER",
            help="where its journals are (default: .state/canary/STACK)",
        )
        command.add_argument(
            "--target",
            choices=("cluster", "rehearsal"),
            default="cluster",
            help="the stack's cluster, or a rehearsal of the stack on this machine",
        )
        command.add_argument("--json", action="store_true", help="print JSON")
        if name in ("ramp", "promote", "rollback", "status"):
            _add_metrics(command)
        if name == "ramp":
            _add_ramp(command)
        if name == "promote":
            command.add_argument("--now", action="store_true", help="from any weight, with no ramp")
    return top


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that was asked for.

    Raises:
        UsageError: a value isn't allowed, or two contradict each other.
    """
    given = {name: getattr(options, name) for name in _PLAN if getattr(options, name) is not None}
    conditions = {
        name: None if getattr(options, name) == _OFF else getattr(options, name)
        for name in _CONDITIONS
        if getattr(options, name) is not None
    }
    if options.blue_green:
        if options.steps:
            raise UsageError("--blue-green is --steps 100: give one of the two")
        given["steps"] = (100,)
    try:
        return Plan.model_validate({**given, "conditions": Conditions.model_validate(conditions)})
    except ValidationError as error:
        raise UsageError(_mistake(error)) from error


def is_planned(options: argparse.Namespace) -> bool:
    """Whether anything of a plan was asked for."""
    return options.blue_green or any(
        getattr(options, name) is not None for name in (*_PLAN, *_CONDITIONS)
    )


def _mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return text
    option = str(first["loc"][0]).replace("_", "-")
    return f"--{option} = {first['input']}: {text[0].lower()}{text[1:]}"


def _add_metrics(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prometheus",
        metavar="URL",
        default="http://localhost:9090",
        help="Prometheus' address (default: http://localhost:9090); PROMETHEUS_TOKEN is its token",
    )
    command.add_argument(
        "--queries", type=Path, metavar="FILE", help="YAML with queries that replace Istio's"
    )


def _add_ramp(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--resume", action="store_true", help="go on with the ramp that a process left")
    steps = ",".join(map(str, _DEFAULTS.steps))
    add("--steps", type=_steps, metavar="W,W,...", help=f"weights in percent (default: {steps})")
    add("--blue-green", action="store_true", help="one step: from 0 to 100 at once")
    gates = f"weights, or {PROMOTION}, that wait for an approval"
    add("--gate", dest="gates", type=_gates, metavar="W,...", help=gates)
    for option, what in (
        ("hold", "how long a step lasts at least"),
        ("interval", "from one evaluation to the next"),
        ("window", "how far an evaluation looks back, within its step"),
        ("patience", "how long the metrics source may be in error"),
        ("wait", "how much longer a step may wait for enough data and a pass"),
    ):
        default = f"{getattr(_DEFAULTS, option):g}s"
        add(f"--{option}", type=_seconds, metavar="TIME", help=f"{what} (default: {default})")
    add("--testers-hold", type=_seconds, metavar="TIME", help="only testers get it at first")
    add("--mirror-percent", type=_whole, metavar="PERCENT", help="mirror requests to it at first")
    add("--mirror-hold", type=_seconds, metavar="TIME", help="how long (default: 60s)")
    failures = f"failed evaluations in a row that end the ramp (default: {_DEFAULTS.failures})"
    add("--failures", type=_whole, metavar="N", help=failures)
    choices = [each.value for each in OnInterrupt]
    add("--on-interrupt", choices=choices, help="what Ctrl-C does (default: rollback)")
    for name, field in Conditions.model_fields.items():
        parse = _COUNTS.get(name, _number_or_off)
        default = _OFF if field.default is None else f"{field.default:g}"
        option = f"--{name.replace('_', '-')}"
        add(option, type=parse, metavar="NUMBER", help=f"condition (default: {default})")
    webhook = f"is told of every change of phase, as JSON (default: {WEBHOOK_VARIABLE})"
    add("--webhook", metavar="URL", help=webhook)
    add("--report", type=Path, metavar="FILE", help="the HTML report (default: by the journal)")
    config = "rehearsal: a config value that wins over the stack's"
    add("--config", action="append", type=_pair, default=[], metavar="KEY=VALUE", help=config)
    fault = f"rehearsal: {' or '.join(FAULTS)} of the canary"
    add("--fault", action="append", type=_fault, default=[], metavar="NAME=VALUE", help=fault)


def _steps(text: str) -> tuple[int, ...]:
    return tuple(_whole(part) for part in text.split(","))


def _gates(text: str) -> tuple[int | str, ...]:
    return tuple(PROMOTION if part == PROMOTION else _whole(part) for part in text.split(","))


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number")
    return int(text)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?)(ms|s|m|h)", text, re.ASCII)
    if not match:
        raise argparse.ArgumentTypeError(f"{text}: must be a time such as 500ms, 30s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _number_or_off(text: str) -> float | str:
    if text == _OFF:
        return text
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text}: must be a number, or {_OFF}")
    return float(text)


def _whole_or_off(text: str) -> int | str:
    return text if text == _OFF else _whole(text)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text}: must be KEY=VALUE")
    return key, value


def _fault(text: str) -> tuple[str, str]:
    name, value = _pair(text)
    if name not in FAULTS:
        raise argparse.ArgumentTypeError(f"{name}: must be {' or '.join(FAULTS)}")
    return name, value


_COUNTS = {"min_requests": _whole, "min_failures": _whole_or_off}
