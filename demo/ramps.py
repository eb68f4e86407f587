"""`python -m demo.ramps`: good and bad versions, alone and together, ramped under constant load."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from demo.pets import PETDETAILS, PETSERVICE
from petmesh.project import ROOT
from petmesh.ramp.before import observe_before
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.driver import Driver, Listener, RampRun
from petmesh.ramp.header import RampHeader, members_of
from petmesh.ramp.journal import Journal, JournalError, now, read
from petmesh.ramp.machine import Phase, State, begin
from petmesh.ramp.options import RampOptions
from petmesh.ramp.outcome import last_line
from petmesh.ramp.plan import Plan
from petmesh.ramp.progress import LiveView, PlainLines
from petmesh.ramp.report import write_report
from petmesh.ramp.target import TargetError
from petmesh.ramp.targets import rehearsed

REPORTS = ROOT / "build" / "ramp-demo"

# Steps of seconds instead of minutes. A busy machine gives the pod of one version less of it than
# the other's, hence the margin; the slow version is slower than that.
PLAN = Plan(
    steps=(10, 25, 50, 100),
    hold=5.0,
    interval=1.0,
    silence=30.0,
    patience=5.0,
    wait=60.0,
    conditions=Conditions(min_requests=200, warm_up=2.0, latency_margin_ms=60.0),
)


@dataclass(frozen=True)
class Scenario:
    """A version, and how its ramp must end; or that of a group, whose services are listed."""

    name: str
    faults: Mapping[str, str]
    ends: Phase
    group: str = ""


# The called service first.
GROUP = f"{PETDETAILS.name},{PETSERVICE.name}"
GROUP_CONFIG = {
    "images": f'["{PETSERVICE.name}/v2=registry.example.com/{PETSERVICE.name}:v2"]',
    f"releases.{PETSERVICE.name}.canaryVersion": "v2",
}
ONE_FAILS = {f"{PETDETAILS.name}.FAULT_ERROR_PERCENT": "5"}
SCENARIOS = (
    Scenario("a good v2", {}, Phase.PROMOTED),
    Scenario("v2 fails 2% of its tries", {"FAULT_ERROR_PERCENT": "2"}, Phase.ROLLED_BACK),
    Scenario("v2 answers 150 ms late", {"FAULT_DELAY_MILLISECONDS": "150"}, Phase.ROLLED_BACK),
    Scenario("two services together, both good", {}, Phase.PROMOTED, GROUP),
    Scenario("one of two together fails 5%", ONE_FAILS, Phase.ROLLED_BACK, GROUP),
)


@dataclass(frozen=True)
class RampResult:
    """How a scenario went."""

    scenario: Scenario
    state: State
    sent: int
    failed: int
    in_step: bool
    report: Path

    @property
    def is_good(self) -> bool:
        """Whether it ended as it must, all its services alike, and no request failed."""
        return self.state.phase is self.scenario.ends and self.in_step and not self.failed


async def play(scenario: Scenario, console: Console, stack: str) -> RampResult:
    """Ramp one version, or a group's, on a mesh of its own.

    Raises:
        TargetError: the mesh couldn't be started.
    """
    console.rule(scenario.name, align="left")
    options = RampOptions(
        stack,
        target="rehearsal",
        group=scenario.group,
        config=GROUP_CONFIG if scenario.group else {},
        faults=scenario.faults,
    )
    async with rehearsed(options) as place:
        await place.target.prepare()
        header = RampHeader(
            at=now(),
            stack=stack,
            group=options.what if scenario.group else "",
            members=members_of(await place.target.releases()),
            target="rehearsal",
            plan=PLAN,
        )
        with TemporaryDirectory() as folder, ExitStack() as contexts:
            before = await observe_before(header, place.target, console.print)
            header = header.model_copy(update={"before": before})
            journal = Journal.create(Path(folder), header)
            shown: Listener = PlainLines(header, sys.stdout)
            if console.is_terminal:
                shown = contexts.enter_context(LiveView(header, console))
            run = RampRun(header, journal, begin(PLAN), header.judge())
            state = await Driver(run, place.target, Path(folder), [shown]).run()
            journal.close()
            report = REPORTS / f"{scenario.name.replace(' ', '-').replace('%', '-percent')}.html"
            write_report(read(journal.path), report)
        console.print(last_line(header, state), style="bold", markup=False, highlight=False)
        phases = place.load.phases if place.load else []
        sent, failed = sum(p.requests for p in phases), sum(p.failed for p in phases)
        live = await place.target.releases()
        ended = header.releases()
        if state.phase is Phase.PROMOTED:
            ended = {service: each.promoted for service, each in ended.items()}
    return RampResult(scenario, state, sent, failed, live == ended, report)


async def play_all(stack: str) -> int:
    """Every scenario in turn; returns the exit status."""
    console = Console()
    try:
        REPORTS.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{REPORTS}: no report can be written: {error.strerror}") from error
    results = [await play(scenario, console, stack) for scenario in SCENARIOS]
    table = Table("version", "ended", "at weight", "requests", "failed", title="Ramps")
    for result in results:
        table.add_row(
            result.scenario.name,
            result.state.phase.value,
            str(result.state.weight),
            f"{result.sent:,}",
            str(result.failed),
        )
    console.print(table)
    for result in results:
        console.print(f"report: {result.report.relative_to(ROOT)}", highlight=False)
    wrong = [each.scenario.name for each in results if not each.is_good]
    for name in wrong:
        console.print(f"not as it must be: {name}", style="bold red")
    return 1 if wrong else 0


def main() -> int:
    """Play; returns the exit status."""
    parser = argparse.ArgumentParser(prog="demo.ramps", description=__doc__)
    parser.add_argument("--stack", default="local", help="whose program (default: local)")
    try:
        return asyncio.run(play_all(parser.parse_args().stack))
    except (TargetError, JournalError) as error:
        print(f"petmesh: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


if __name__ == "__main__":
    sys.exit(main())
