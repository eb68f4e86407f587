"""The scenes of the demo: what a person is shown, in figures, and what must hold."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from istio.routing import TESTER_COOKIE, TESTER_HEADER, TESTER_VALUE
from rehearsal.difference import Difference, compare
from rehearsal.envoy.topology import LOOPBACK
from rehearsal.load import BETWEEN, FAILED, Judge, Load, Phase, binomial_interval
from rehearsal.metrics import VersionMetrics
from rehearsal.objects.mesh import Mesh, gather
from rehearsal.program import Declaration, ProgramError, declare
from rehearsal.resilience import without_resilience
from rehearsal.runtime import Change, Runtime
from rehearsal.stackconfig import StackConfigError, stack_config

CONFIDENCE = 0.999
PATH = "/pet/123"
TESTER_REQUESTS = 100
FAULT_WEIGHT = 50
FAULT_PERCENT = 20
# Any project will do where nothing is created in it.
PLACEHOLDERS = {"gcp:project": "rehearsal"}


@dataclass(frozen=True)
class Scene:
    """What one scene showed.

    Attributes:
        key: its name for machines.
        title: its name for people.
        columns, rows: the table; a row that isn't as it must be is named in `problems`.
        notes: what else is worth a line.
        data: everything, for machines.
        problems: what wasn't as it must be.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (data)
        """Its body; None where it isn't JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


async def ask(
    url: str, headers: Mapping[str, str] | None = None, proxy: str | None = None
) -> Answer | None:
    """GET a URL, by a forward proxy where one is given; None where the connection fails."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        try:
            async with session.get(url, headers=headers, proxy=proxy) as response:
                return Answer(response.status, await response.text())
        except (OSError, aiohttp.ClientError):
            return None


def with_placeholders(stack: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """The overrides, and placeholders for what only a stack's owner knows."""
    try:
        config, _ = stack_config(stack, overrides)
    except StackConfigError as error:
        raise ProgramError(str(error)) from error
    missing = {key: value for key, value in PLACEHOLDERS.items() if not config.get(key)}
    return {**missing, **overrides}


class Demo:
    """The scenes, in order, on one runtime that is never restarted.

    Args:
        runtime: not started yet.
        stack: whose program is run.
        overrides: configuration that wins over the stack's.
        weights: the canary's weights, in percent, in order.
        requests: how many requests measure each weight.
        progress: is told what is being done.
    """

    def __init__(  # noqa: PLR0913 (its parts)
        self,
        runtime: Runtime,
        *,
        stack: str,
        overrides: Mapping[str, str],
        weights: Sequence[int],
        requests: int,
        progress: Callable[[str], None],
    ) -> None:
        self.runtime = runtime
        self._stack = stack
        self._overrides = with_placeholders(stack, overrides)
        self._weights = weights
        self._requests = requests
        self._progress = progress
        self._declaration: Declaration | None = None
        self._judge: Judge = _no_judge
        self.mesh: Mesh | None = None

    @property
    def declaration(self) -> Declaration:
        """What is in force."""
        if self._declaration is None:
            raise RuntimeError("the demo was not started")
        return self._declaration

    @property
    def canary(self) -> str:
        """The canary's version; empty for none."""
        return self.declaration.config["petmesh:canaryVersion"]

    @property
    def stable(self) -> str:
        """The stable version."""
        return self.declaration.config["petmesh:stableVersion"]

    @property
    def details_host(self) -> str:
        """Petdetailsservice's name in the whole cluster."""
        return self._host(PETDETAILS.name)

    async def start(self) -> Change:
        """Run the program and start what it declares."""
        self._progress("running the Pulumi program in process")
        self._declaration = await self._declare({})
        mesh = gather(self._declaration)
        self._progress("starting services and Envoys")
        change = await self.runtime.start(mesh)
        self.mesh = mesh
        self._judge = await self._learn_answers()
        return change

    async def scenes(self) -> AsyncIterator[Scene]:
        """Play every scene.

        Raises:
            ProgramError: the stack has no canary to show.
        """
        if not self.canary:
            raise ProgramError(
                f"stack {self._stack} has no canaryVersion: the demo needs one; "
                "give --config canaryVersion=v2"
            )
        yield await self._public_route()
        yield await self._egress()
        yield await self._ramp()
        yield await self._testers()
        yield await self._faults()
        await self.change({})

    async def change(self, overrides: Mapping[str, str]) -> tuple[tuple[Difference, ...], Change]:
        """Run the program with further overrides, and put in force what it declares."""
        declaration = await self._declare(overrides)
        differences = compare(self.declaration, declaration)
        mesh = gather(declaration)
        change = await self.runtime.apply(mesh)
        self._declaration, self.mesh = declaration, mesh
        return differences, change

    async def _declare(self, overrides: Mapping[str, str]) -> Declaration:
        merged = {**self._overrides, **overrides}
        return await asyncio.to_thread(declare, self._stack, merged)

    def _host(self, service: str) -> str:
        return f"{service}.{self.declaration.config['petmesh:namespace']}.svc.cluster.local"

    async def _learn_answers(self) -> Judge:
        """Tell versions by what they answer: ask a pod of each for the details of a pet."""
        known: dict[str, str] = {}
        for version in filter(None, (self.stable, self.canary)):
            pod = self.runtime.pods_of(f"{PETDETAILS.name}-{version}")[0]
            answer = await ask(f"http://{LOOPBACK}:{pod.app_port}{PATH}/details")
            details = json.dumps(answer.json if answer else None, sort_keys=True)
            if details in known:
                raise ProgramError(
                    f"{PETDETAILS.name} {known[details]} and {version} answer the same: "
                    "the demo tells versions by their answers"
                )
            known[details] = version
        return _judge_by(known)

    async def _public_route(self) -> Scene:
        self._progress("asking through the ingress")
        url, host = self.runtime.url, self.details_host
        details = f"http://{PETDETAILS.name}:{PETDETAILS.port}{PATH}/details"
        pods = {
            name: self.runtime.pods_of(f"{name}-{version}")[0]
            for name, version in (
                (PETSERVICE.name, PETSERVICE.versions[0]),
                (PETMEDICALHISTORY.name, PETMEDICALHISTORY.versions[0]),
                (PETDETAILS.name, self.stable),
            )
        }
        proxies = {name: f"http://{LOOPBACK}:{pod.outbound_port}" for name, pod in pods.items()}
        plain = f"http://{LOOPBACK}:{pods[PETDETAILS.name].inbound_port}{PATH}/details"
        first = await ask(url + PATH)
        cases = [
            ("anyone", f"GET {PATH}", first, 200),
            ("anyone", "GET /", await ask(url + "/"), 404),
            ("anyone", f"GET {PATH}/details", await ask(f"{url}{PATH}/details"), 403),
            ("anyone", f"GET {PATH}/medicalhistory", await ask(f"{url}{PATH}/medicalhistory"), 403),
            ("anyone", "GET /healthz/live", await ask(url + "/healthz/live"), 404),
            (
                "anyone",
                f"GET {PATH}/details, Host: {PETDETAILS.name}…",
                await ask(f"{url}{PATH}/details", {"Host": host}),
                403,
            ),
            (
                PETSERVICE.name,
                f"details of {PETDETAILS.name}",
                await ask(details, proxy=proxies[PETSERVICE.name]),
                200,
            ),
            (
                PETMEDICALHISTORY.name,
                f"details of {PETDETAILS.name}",
                await ask(details, proxy=proxies[PETMEDICALHISTORY.name]),
                403,
            ),
            ("no identity, plain HTTP", f"details of {PETDETAILS.name}", await ask(plain), None),
        ]
        rows: list[tuple[str, ...]] = []
        problems: list[str] = []
        for who, what, answer, wanted in cases:
            status = answer.status if answer else None
            rows.append((who, what, _MEANING.get(status, str(status))))
            if status != wanted:
                problems.append(f"{who}: {what}: {status}, not {wanted}")
        return Scene(
            key="publicRoute",
            title=f"One public route: {url}{PATH}",
            columns=("who asks", "for what", "gets"),
            rows=tuple(rows),
            notes=(json.dumps(first.json, indent=1) if first else "no answer",),
            data={
                "answer": first.json if first else None,
                "requests": [
                    {"who": who, "what": what, "status": answer.status if answer else None}
                    for who, what, answer, _ in cases
                ],
            },
            problems=tuple(problems),
        )

    async def _egress(self) -> Scene:
        self._progress("closing and opening the way to the dog API")
        before = self.runtime.process_ids()
        host = self.declaration.config["petmesh:dogApiHost"]
        proxy = f"http://{LOOPBACK}:{self._petservice_pod().outbound_port}"
        rows: list[tuple[str, ...]] = []
        problems: list[str] = []
        data: dict[str, Any] = {}
        for state, value in (("closed", "false"), ("open", "true")):
            differences, _ = await self.change({"dogApiEnabled": value})
            answer = await ask(self.runtime.url + PATH)
            held = answer.json.get("dogAPIResponse") if answer and answer.json else None
            other = await ask("http://example.com/", proxy=proxy)
            text = json.dumps(held)
            rows.append(
                (state, ", ".join(f"{d.change} {d.kind}" for d in differences) or "-", text)
            )
            data[state] = {"changed": [str(d) for d in differences], "dogAPIResponse": held}
            if answer is None or answer.status != 200:  # noqa: PLR2004
                problems.append(f"egress {state}: petservice didn't answer 200")
            if _is_error_object(held) == (value == "true"):
                problems.append(f"egress {state}: dogAPIResponse is {text}")
            if other is None or other.status != 502:  # noqa: PLR2004
                problems.append(f"egress {state}: example.com isn't blocked")
        if self.runtime.process_ids() != before:
            problems.append("egress: a process was restarted")
        requests = self.runtime.stand_ins.requests
        await self.change({})
        return Scene(
            key="egress",
            title=f"Egress to {host}",
            columns=("egress", "declared", "dogAPIResponse"),
            rows=tuple(rows),
            notes=(
                "Open, a stand-in on this machine answers, over TLS that the sidecar originates.",
                f"The stand-in saw: {requests[0] if requests else 'no request'}",
                "No process was restarted. Another host, example.com, got 502 both times.",
            ),
            data={**data, "standInSaw": requests[:1]},
            problems=tuple(problems),
        )

    def _petservice_pod(self):  # noqa: ANN202
        return self.runtime.pods_of(f"{PETSERVICE.name}-{PETSERVICE.versions[0]}")[0]

    async def _ramp(self) -> Scene:
        before = self.runtime.process_ids()
        rows: list[tuple[str, ...]] = []
        problems: list[str] = []
        steps: list[dict[str, Any]] = []
        async with Load(self.runtime.port, PATH, self._judge) as load:
            for weight in self._weights:
                self._progress(f"canary weight {weight}: {self._requests:,} requests")
                differences, change = await self.change({"canaryWeight": str(weight)})
                counted = await self._counted()
                phase = await load.measure(f"weight {weight}", self._requests)
                versions = {
                    version: metrics.since(counted.get(version, VersionMetrics()))
                    for version, metrics in (await self._counted()).items()
                }
                step = _step(weight, self.canary, phase, versions, differences, change)
                steps.append(step)
                rows.append(_step_row(step))
                problems += _step_problems(step)
            between = [phase for phase in load.phases if phase.name == BETWEEN]
        sent, lost = sum(p.requests for p in between), sum(p.failed for p in between)
        if lost:
            problems.append(f"{lost} of {sent} requests failed while the weight was changed")
        if self.runtime.process_ids() != before:
            problems.append("a process was restarted by a change of weight")
        seconds = max((float(step["secondsToChange"]) for step in steps), default=0.0)
        return Scene(
            key="canary",
            title=f"Canary: {self.stable} to {self.canary} under constant load",
            columns=(
                "asked",
                "measured",
                "99.9% interval",
                "Envoy's",
                "requests",
                "failures",
                "p50",
                "p99",
                "changed",
            ),
            rows=tuple(rows),
            notes=(
                f"While the weight was changed: {sent:,} more requests, {lost} failures.",
                f"Longest change: {seconds * 1000:.0f} ms. No process was restarted.",
                "measured: by what was answered. Envoy's: by the caller's sidecar's counters.",
            ),
            data={"steps": steps, "between": {"requests": sent, "failures": lost}},
            problems=tuple(problems),
        )

    async def _counted(self) -> dict[str, VersionMetrics]:
        return await self.runtime.version_metrics(self.details_host)

    async def _testers(self) -> Scene:
        self._progress("header and cookie at weight 0")
        await self.change({"canaryWeight": "0"})
        chosen, other = self.canary, self.stable
        cases: list[tuple[dict[str, str], str]] = [
            ({}, other),
            ({TESTER_HEADER: TESTER_VALUE}, chosen),
            ({TESTER_HEADER: "sometimes"}, other),
            ({"cookie": f"{TESTER_COOKIE}={TESTER_VALUE}"}, chosen),
            ({"cookie": f"theme=dark; {TESTER_COOKIE}={TESTER_VALUE}; lang=en"}, chosen),
            ({"cookie": f"not{TESTER_COOKIE}={TESTER_VALUE}"}, other),
        ]
        rows: list[tuple[str, ...]] = []
        problems: list[str] = []
        data: list[dict[str, Any]] = []
        for headers, wanted in cases:
            async with Load(self.runtime.port, PATH, self._judge, headers=headers) as load:
                phase = await load.measure("tester", TESTER_REQUESTS)
            text = ", ".join(f"{name}: {value}" for name, value in headers.items()) or "neither"
            answers = dict(phase.answers)
            rows.append(
                (
                    text,
                    ", ".join(f"{count} by {v}" for v, count in answers.items()),
                    str(phase.failed),
                )
            )
            data.append({"headers": headers, "answers": answers, "failures": phase.failed})
            if phase.failed or set(answers) != {wanted}:
                problems.append(f"testers: {text}: {answers}, not all by {wanted}")
        return Scene(
            key="testers",
            title=f"Header and cookie pick {chosen} at weight 0",
            columns=("request has", "answers", "failures"),
            rows=tuple(rows),
            data={"cases": data},
            problems=tuple(problems),
        )

    async def _faults(self) -> Scene:
        workload = f"{PETDETAILS.name}-{self.canary}"
        weight = {"canaryWeight": str(FAULT_WEIGHT)}
        faults = _Faults(self.runtime, self._judge, self.details_host, self.canary, self._requests)
        await self.change(weight)
        declared = self.runtime.mesh
        bare = without_resilience(declared)

        failing = f"{self.canary} answers {FAULT_PERCENT}% of its requests with 500"
        self._progress(failing)
        faulty = {"FAULT_ERROR_PERCENT": str(FAULT_PERCENT)}
        await self.runtime.adjust(workload, environment=faulty)
        await faults.row(failing, "as declared")
        await self.runtime.apply(bare)
        await faults.row("", "without")
        await self.runtime.adjust(workload)

        one = f"one of two {self.canary} pods stops"
        self._progress(one)
        for mesh, label, name in ((declared, "as declared", one), (bare, "without", "")):
            await self.runtime.apply(mesh)
            await self.runtime.adjust(workload, replicas=2)
            pod = self.runtime.pods_of(workload)[-1].name
            await faults.row(name, label, crash=pod)
            await self.runtime.replace(pod)
        await self.runtime.apply(declared)
        await self.runtime.adjust(workload)

        every = f"every {self.canary} pod stops"
        self._progress(every)
        pods = self.runtime.pods_of(workload)
        for pod in pods:
            self.runtime.crash(pod.name)
        await faults.row(every, "as declared")
        await self.change({"canaryWeight": "0"})
        await faults.row("", "weight back to 0")
        for pod in pods:
            await self.runtime.replace(pod.name)
        await self.change(weight)
        await faults.row(f"{self.canary} restored", "as declared")
        return faults.scene()


class _Faults:
    """Measures a mesh that has a fault, row by row."""

    def __init__(
        self, runtime: Runtime, judge: Judge, host: str, canary: str, requests: int
    ) -> None:
        self._runtime = runtime
        self._judge = judge
        self._host = host
        self._canary = canary
        self._requests = max(requests // 2, 200)
        self._rows: list[dict[str, Any]] = []

    async def row(self, fault: str, policy: str, *, crash: str = "") -> None:
        """Measure; a pod that is to crash does so under the load."""
        before = await self._metrics()
        async with Load(self._runtime.port, PATH, self._judge) as load:
            if crash:
                await load.measure("before", self._requests // 10)
                self._runtime.crash(crash)
            phase = await load.measure(fault, self._requests)
            failed = sum(each.failed for each in load.phases[:-1])
        counted = (await self._metrics()).since(before)
        self._rows.append(
            {
                "fault": fault,
                "policy": policy,
                "requests": phase.requests,
                "failures": failed,
                "retries": counted.retries,
                "savedByRetry": counted.retries_succeeded,
                "ejections": counted.ejections,
                "p50Ms": round(phase.percentile(50) * 1000, 2),
                "p99Ms": round(phase.percentile(99) * 1000, 2),
            }
        )

    def scene(self) -> Scene:
        """What was measured."""
        failing, failing_bare, one, one_bare, every, back, restored = self._rows
        problems = [
            f"faults: {text}"
            for text, wrong in (
                (
                    "retries don't reduce the failures of a failing version",
                    failing["failures"] >= failing_bare["failures"],
                ),
                ("nothing was retried", not failing["retries"]),
                ("one stopped pod of two makes requests fail", bool(one["failures"])),
                ("a stopped pod isn't ejected", not one["ejections"]),
                (
                    "without retries and ejection a stopped pod does no harm",
                    not one_bare["failures"],
                ),
                ("a version that is gone does no harm", not every["failures"]),
                ("requests fail with the weight back at 0", bool(back["failures"])),
                ("requests fail after the restoration", bool(restored["failures"])),
            )
            if wrong
        ]
        return Scene(
            key="faults",
            title=f"Faults of {self._canary} at weight {FAULT_WEIGHT}",
            columns=(
                "fault",
                "retries and ejection",
                "requests",
                "failures",
                "retries",
                "saved",
                "ejections",
                "p50",
                "p99",
            ),
            rows=tuple(
                (
                    row["fault"],
                    row["policy"],
                    f"{row['requests']:,}",
                    f"{row['failures']:,} ({row['failures'] / row['requests']:.1%})",
                    f"{row['retries']:,}",
                    f"{row['savedByRetry']:,}",
                    str(row["ejections"]),
                    _milliseconds(row["p50Ms"]),
                    _milliseconds(row["p99Ms"]),
                )
                for row in self._rows
            ),
            notes=(
                "failures: what clients of the ingress got.",
                "saved: requests that a further try answered.",
            ),
            data={"weight": FAULT_WEIGHT, "rows": self._rows},
            problems=tuple(problems),
        )

    async def _metrics(self) -> VersionMetrics:
        return (await self._runtime.version_metrics(self._host)).get(self._canary, VersionMetrics())


_MEANING: dict[int | None, str] = {
    200: "200",
    403: "403: its authorization policy",
    404: "404: no route",
    502: "502: blocked",
    None: "connection refused: mutual TLS only",
}


def _no_judge(_status: int, _body: bytes) -> str:
    return FAILED


def _judge_by(known: Mapping[str, str]) -> Judge:
    """Judge whole answers of petservice by the details within; each body is parsed once."""
    seen: dict[bytes, str] = {}

    def judge(status: int, body: bytes) -> str:
        if status != 200:  # noqa: PLR2004
            return FAILED
        if body not in seen:
            seen[body] = _version_of(body, known)
        return seen[body]

    return judge


def _version_of(body: bytes, known: Mapping[str, str]) -> str:
    try:
        answer = cast("dict[str, Any]", json.loads(body))
    except ValueError:
        return FAILED
    history = answer.get("petMedicalHistory")
    if not isinstance(history, dict) or "vaccinationList" not in history:
        return FAILED
    return known.get(json.dumps(answer.get("petDetails"), sort_keys=True), FAILED)


def _is_error_object(held: object) -> bool:
    return isinstance(held, dict) and {"message", "type", "errno", "code"} <= set(
        cast("dict[str, Any]", held)
    )


def _step(  # noqa: PLR0913, PLR0917 (all of one step)
    weight: int,
    canary: str,
    phase: Phase,
    versions: Mapping[str, VersionMetrics],
    differences: Sequence[Difference],
    change: Change,
) -> dict[str, Any]:
    answered = phase.answers.total()
    lowest, highest = binomial_interval(answered, weight / 100, CONFIDENCE)
    total = sum(metrics.requests for metrics in versions.values())
    return {
        "weight": weight,
        "requests": phase.requests,
        "failures": phase.failed,
        "failed": dict(phase.failures),
        "canary": phase.answers[canary],
        "lowest": lowest,
        "highest": highest,
        "answered": answered,
        "envoyShare": versions[canary].requests / total if canary in versions and total else 0.0,
        "p50Ms": round(phase.percentile(50) * 1000, 2),
        "p99Ms": round(phase.percentile(99) * 1000, 2),
        "requestsPerSecond": round(phase.requests / phase.seconds) if phase.seconds else 0,
        "changed": [str(difference) for difference in differences],
        "secondsToChange": change.seconds,
        "podsStarted": list(change.started),
    }


def _step_row(step: Mapping[str, Any]) -> tuple[str, ...]:
    answered = step["answered"] or 1
    return (
        f"{step['weight']}%",
        f"{step['canary'] / answered:.1%}",
        f"{step['lowest'] / answered:.1%} to {step['highest'] / answered:.1%}",
        f"{step['envoyShare']:.1%}",
        f"{step['requests']:,}",
        str(step["failures"]),
        _milliseconds(step["p50Ms"]),
        _milliseconds(step["p99Ms"]),
        ", ".join(text.split(":")[0] for text in step["changed"]) or "-",
    )


def _step_problems(step: Mapping[str, Any]) -> list[str]:
    weight = step["weight"]
    problems: list[str] = []
    if step["failures"]:
        problems.append(f"weight {weight}: {step['failures']} requests failed: {step['failed']}")
    if not step["lowest"] <= step["canary"] <= step["highest"]:
        problems.append(
            f"weight {weight}: {step['canary']} of {step['answered']} by the canary, "
            f"not {step['lowest']} to {step['highest']}"
        )
    others = [text for text in step["changed"] if not text.startswith("~ VirtualService ")]
    if others or len(step["changed"]) > 1:
        problems.append(f"weight {weight}: more than the route changed: {step['changed']}")
    if step["podsStarted"]:
        problems.append(f"weight {weight}: pods were restarted: {step['podsStarted']}")
    return problems


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms"
