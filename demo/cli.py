"""The command line: the demo, a mesh kept running, and the preview."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from demo.interactive import keep
from demo.scenes import demo, fault_table
from demo.scenes.scene import Scene
from demo.tables import Report, document, markdown, write, write_json
from petmesh.arguments import config_pair
from petmesh.guardrails.in_process import violations
from petmesh.guardrails.pack import RULES
from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.program.declaration import ProgramError
from petmesh.program.placeholders import with_placeholders
from petmesh.program.preview import print_preview
from petmesh.program.program import declare
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import PortInUseError, Runtime
from petmesh.rehearsal.session import Session

FAILED, MISTAKEN, INTERRUPTED = 1, 2, 130
KEPT_PORT = 8080
_MISTAKES = (ProgramError, RefusedError, PortInUseError)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKEN, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status.

    0 where everything was as it must be, 1 where an expectation or a process failed, 2 for a
    mistake of the user's, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "preview":
            return _preview(options)
        if options.command == "policy":
            return _policy(options)
        scenes = _faults if options.command == "faults" else _demo
        return _run(_keep(options) if options.keep else _play(options, scenes))
    except _MISTAKES as error:
        print(f"rehearsal: {error}".replace("\n", "\nrehearsal: "), file=sys.stderr)
        return MISTAKEN
    except (ProcessError, OSError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("rehearsal: stopped", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="rehearsal",
        description="Runs what a stack declares on this machine: the services as processes, and a "
        "real Envoy for each, configured from the declared Istio objects.",
    )
    _add_stack(parser, top=True)
    parser.add_argument(
        "--weights",
        type=_weights,
        default=[0, 10, 25, 50, 100, 0],
        metavar="W,W,...",
        help="the canary's weights in percent, in order (default: 0,10,25,50,100,0)",
    )
    parser.add_argument(
        "--requests",
        type=_count,
        default=os.environ.get("REQUESTS") or "2000",
        metavar="N",
        help="requests that measure each weight (default: REQUESTS or 2000)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="play no scenes: keep the mesh running to be tried by hand, until Ctrl-C; a change "
        "of the stack's configuration is put in force at once",
    )
    parser.add_argument(
        "--port",
        type=_port,
        metavar="PORT",
        help=f"where the ingress listens (default: any free port; {KEPT_PORT} with --keep)",
    )
    _add_json(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="preview|policy|faults")
    preview = commands.add_parser(
        "preview", help="print the declared resources as a tree, without the Pulumi CLI"
    )
    _add_stack(preview, top=False)
    policy = commands.add_parser(
        "policy", help="hold the declared resources against the guard-rails, without the Pulumi CLI"
    )
    _add_stack(policy, top=False)
    faults = commands.add_parser(
        "faults", help="break what a stack declares, row by row, and see what callers make of it"
    )
    _add_stack(faults, top=False)
    faults.add_argument(
        "--requests",
        type=_count,
        default="200",
        metavar="N",
        help="requests that measure each row (default: 200)",
    )
    _add_json(faults, default=argparse.SUPPRESS)
    faults.add_argument(
        "--markdown", type=_file, metavar="FILE", help="write the tables there; - for stdout"
    )
    return parser


def _add_json(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--json",
        type=_file,
        default=default,
        metavar="FILE",
        help="write all figures there; - for stdout",
    )


def _add_stack(parser: argparse.ArgumentParser, *, top: bool) -> None:
    # Below a subcommand, what isn't given there mustn't hide what was given before it.
    missing = None if top else argparse.SUPPRESS
    parser.add_argument(
        "--stack",
        default="local" if top else missing,
        help="whose configuration: Pulumi.<stack>.yaml (default: local)",
    )
    parser.add_argument(
        "--config",
        action="append",
        type=config_pair,
        default=[] if top else missing,
        metavar="KEY=VALUE",
        help="a config value that wins over the stack's; may be given again",
    )


def _weights(text: str) -> list[int]:
    weights = [int(part) if part.isascii() and part.isdigit() else -1 for part in text.split(",")]
    if not all(0 <= weight <= 100 for weight in weights):  # noqa: PLR2004 (percent)
        raise argparse.ArgumentTypeError(f"{text}: must be whole numbers from 0 to 100, as 0,50")
    return weights


def _file(text: str) -> str:
    path = Path(text)
    if text != "-" and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise argparse.ArgumentTypeError(f"{text}: must be a file in a folder that can be written")
    return text


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() else 0
    if not 100 <= count <= 1_000_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 100 to 1000000")
    return count


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1 to 65535")
    return port


def _run(command: Coroutine[Any, Any, int]) -> int:
    async def interruptible() -> int:
        task = asyncio.ensure_future(command)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await task

    return asyncio.run(interruptible())


def _weights_of(session: Session) -> str:
    weights = cast("dict[str, int]", session.declaration.outputs["weights"])
    return ", ".join(f"{version} {weight}%" for version, weight in weights.items())


Scenes = Callable[[argparse.Namespace, Session, Report], AsyncIterator[Scene]]


def _demo(options: argparse.Namespace, session: Session, report: Report) -> AsyncIterator[Scene]:
    return demo.play(session, options.weights, options.requests, report.progress)


def _faults(options: argparse.Namespace, session: Session, report: Report) -> AsyncIterator[Scene]:
    return fault_table.play(session, options.requests, report.progress)


async def _play(options: argparse.Namespace, play: Scenes) -> int:
    written = {"json": options.json, "markdown": vars(options).get("markdown")}
    report = Report(to_stderr="-" in written.values())
    begun = time.monotonic()
    runtime = Runtime(new_folder(), options.port)
    scenes: list[Scene] = []
    found: tuple[str, ...] = ()
    try:
        session = Session(runtime, options.stack, dict(options.config))
        report.progress("running the program and starting what it declares")
        change = await session.start()
        mesh = runtime.mesh
        found = findings(mesh)
        report.line(
            f"Stack {options.stack}, weights {_weights_of(session)}: "
            f"{len(mesh.workloads)} workloads, "
            f"{len(runtime.process_ids())} processes, ready in {change.seconds:.1f} s."
        )
        report.line(f"Logs: {runtime.folder}", "dim")
        for finding in found:
            report.line(f"! {finding}", "yellow")
        async for scene in play(options, session, report):
            runtime.check()
            scenes.append(scene)
            report.scene(scene)
        report.left_out(mesh.omissions)
    finally:
        report.settle()
        await _shielded(runtime.stop())
    seconds = time.monotonic() - begun
    problems = [problem for scene in scenes for problem in scene.problems]
    report.verdict(problems, seconds)
    if written["json"]:
        write_json(document(options.stack, scenes, mesh.omissions, found, seconds), written["json"])
    if written["markdown"]:
        write(markdown(scenes), written["markdown"])
    return FAILED if problems else 0


async def _keep(options: argparse.Namespace) -> int:
    report = Report()
    runtime = Runtime(new_folder(), options.port or KEPT_PORT)
    try:
        await keep(Session(runtime, options.stack, dict(options.config)), report)
    except asyncio.CancelledError:
        report.line("Stopped.")
    finally:
        report.settle()
        await _shielded(runtime.stop())
    return 0


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish, whatever signal comes meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


def _preview(options: argparse.Namespace) -> int:
    overrides = with_placeholders(options.stack, dict(options.config))
    report = Report()
    print_preview(declare(options.stack, overrides, preview=True), report.console)
    return 0


def _policy(options: argparse.Namespace) -> int:
    declaration = declare(options.stack, with_placeholders(options.stack, dict(options.config)))
    found = violations(declaration)
    for violation in found:
        print(violation)
    resources = f"{len(declaration.resources)} resources, {len(RULES)} rules"
    print(f"{resources}: {f'{len(found)} to mend' if found else 'nothing to mend'}")
    return FAILED if found else 0
