"""What a command of a ramp is given, and the plan that options make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import UsageError

WEBHOOK_VARIABLE = "CANARY_WEBHOOK"
NOTIFY_VARIABLE = "CANARY_NOTIFY"
PROMETHEUS = "http://localhost:9090"
TargetName = Literal["cluster", "rehearsal"]
MetricsName = Literal["prometheus", "google", "datadog"]


@dataclass(frozen=True)
class Options:
    """What every command is given.

    Attributes:
        stack: the stack's name.
        journal: the folder of its journals; None for `.state/canary/STACK/SERVICE`.
        target: the stack's cluster, or a rehearsal of the stack on this machine.
        json: whether JSON is printed.
        prometheus: Prometheus' address.
        queries: a YAML file of queries that replace Istio's.
        metrics: the source of the metrics.
        google_project: the project whose managed Prometheus it is; empty for the credential's.
        service: the service in the stack's output `releases`; empty where none was given.
        group: what is ramped together: a name in the output `releaseGroups`, or services in order,
            joined by commas; empty for a single service.
        program: the folder of another Pulumi program; None for this checkout.
    """

    stack: str = "local"
    journal: Path | None = None
    target: TargetName = "cluster"
    json: bool = False
    prometheus: str = PROMETHEUS
    queries: Path | None = None
    metrics: MetricsName = "prometheus"
    google_project: str = ""
    service: str = ""
    program: Path | None = None
    group: str = ""

    @property
    def name(self) -> str:
        """What is ramped, as the name of a folder: only a group's has a +."""
        if not self.group:
            return self.service
        return self.group.replace(",", "+") if "," in self.group else f"+{self.group}"

    @property
    def what(self) -> str:
        """The same for people: a service, or a group."""
        return self.name.removeprefix("+")


def ramped(name: str) -> Mapping[str, str]:
    """The options `service` and `group` that have a name."""
    if "+" not in name:
        return {"service": name, "group": ""}
    return {"service": "", "group": name.removeprefix("+").replace("+", ",")}


@dataclass(frozen=True)
class RampOptions(Options):
    """What `ramp` is given.

    Attributes:
        plan: the plan; None where no part of it was given.
        resume: whether the ramp that a process left goes on.
        webhook: an address that may hold a secret; None for the environment's.
        notify: Apprise's addresses, which hold secrets.
        report: where the HTML report is written; None for beside the journal.
        config: config values of a rehearsal that win over the stack's.
        faults: environment variables of a rehearsal's canaries; NAME for all that know it,
            SERVICE.NAME for one.
        load: requests a second that the ramp sends itself; 0 for none.
        load_path: what they ask for; empty for the project's path.
        load_url: whom they ask; empty for the stack's output `url`.
    """

    plan: Plan | None = None
    resume: bool = False
    webhook: str | None = field(default=None, repr=False)
    notify: tuple[str, ...] = field(default=(), repr=False)
    report: Path | None = None
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    load: float = 0.0
    load_path: str = ""
    load_url: str = ""


def plan_of(plan: Mapping[str, object], conditions: Mapping[str, object]) -> Plan | None:
    """The plan that values by the names of its fields make; None where there is no value.

    Raises:
        UsageError: a value isn't allowed, or two contradict each other.
    """
    if not plan and not conditions:
        return None
    try:
        return Plan.model_validate({**plan, "conditions": conditions_of(conditions)})
    except ValidationError as error:
        raise UsageError(_mistake(error)) from error


def conditions_of(conditions: Mapping[str, object]) -> Conditions:
    """The conditions that values by the names of their fields make.

    Raises:
        UsageError: a value isn't allowed.
    """
    try:
        return Conditions.model_validate(conditions)
    except ValidationError as error:
        raise UsageError(_mistake(error)) from error


def _mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return text
    option = {"windows": "window", "hooks": "hook"}.get(
        str(first["loc"][0]), str(first["loc"][0]).replace("_", "-")
    )
    return f"--{option} = {first['input']}: {text[0].lower()}{text[1:]}"
