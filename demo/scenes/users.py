"""The scene of users: each keeps to one side of two canaries, through every hop, as they rise."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.program.difference import Difference
from petmesh.rehearsal.ask import Answer, Asker, Request
from petmesh.rehearsal.entrances import Entrance
from petmesh.rehearsal.hops import Hops
from petmesh.rehearsal.session import Session
from petmesh.rehearsal.share import CONFIDENCE, CanaryShare

COOKIE = "pets-place"
# petservice has one version in this checkout: another one by image runs the same code here.
CANARY, IMAGE = "v2", "registry.example.com/petservice:v2"
_VISITS = 2
_AT_ONCE = 8
# The versions of petservice and of petdetailsservice that a request met.
Met = tuple[str, str]


@dataclass
class User:
    """A browser with its cookies.

    Attributes:
        cookies: by name.
        met: the versions that its last weight's requests met.
    """

    cookies: dict[str, str] = field(default_factory=dict[str, str])
    met: frozenset[Met] = frozenset()

    def request(self, host: str) -> Request:
        """Return the request of a visit."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return Request(host, PATH, headers={"cookie": cookie} if cookie else {})

    def take(self, answer: Answer) -> None:
        """Keep the cookies of a response."""
        for header in answer.headers.getall("set-cookie", []):
            self.cookies |= {name: held.value for name, held in SimpleCookie(header).items()}


@dataclass(frozen=True)
class Step:
    """The users at one weight of both canaries.

    Attributes:
        weight: in percent.
        share: of the users on the canaries' side.
        to_canary, to_stable: those that changed sides since the weight before.
        torn: those that met more than one version of a service, or one canary alone.
        failures: requests that got no answer of a pet.
        differences: of the declarations.
    """

    weight: int
    share: CanaryShare
    to_canary: int
    to_stable: int
    torn: int
    failures: int
    differences: tuple[Difference, ...]

    def problems(self, before: int) -> list[str]:
        """Return one line for each unexpected result, after a weight."""
        found: list[str] = []
        if self.failures:
            found.append(f"{self.failures} requests failed")
        if self.torn:
            found.append(f"{self.torn} users met versions of both sides")
        if not self.share.is_within:
            lowest, highest = self.share.interval
            found.append(f"{self.share.canary} are on the canary, not {lowest} to {highest}")
        if self.weight >= before and self.to_stable:
            found.append(f"{self.to_stable} users went back while the weight rose")
        if self.weight <= before and self.to_canary:
            found.append(f"{self.to_canary} users went to the canary while the weight fell")
        if any(each.kind != "VirtualService" for each in self.differences):
            found.append("more than routes changed: " + ", ".join(map(str, self.differences)))
        return [f"users at weight {self.weight}: {text}" for text in found]

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        lowest, highest = self.share.interval
        return (
            f"{self.weight}%",
            f"{self.share.total:,}",
            f"{self.share.canary:,}",
            f"{lowest:,} to {highest:,}",
            f"{self.to_canary:,}",
            f"{self.to_stable:,}",
            str(self.torn),
            str(self.failures),
            str(len(self.differences)),
        )

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "weight": self.weight,
            "users": self.share.total,
            "canary": self.share.canary,
            "interval": list(self.share.interval),
            "toCanary": self.to_canary,
            "toStable": self.to_stable,
            "torn": self.torn,
            "failures": self.failures,
            "changed": [str(difference) for difference in self.differences],
        }


async def play(context: SceneContext, weights: Sequence[int], users: int) -> Scene:
    """Change both canaries' weights step by step, and send every user there at each.

    One correct share in 1,000 is outside its interval by chance: then all is done again, by users
    who have other places.

    Args:
        context: of the scene.
        weights: in percent, in order.
        users: how many come at each weight, beside those who came before.
    """
    steps = await _steps(context, weights, users)
    if not all(step.share.is_within for step in steps):
        steps = await _steps(context, weights, users)
    problems = [
        problem
        for before, step in zip((0, *weights), steps, strict=False)
        for problem in step.problems(before)
    ]
    names = {f"{each.kind} {each.name}" for step in steps for each in step.differences}
    return Scene(
        key="users",
        title=f"Users of canaries of {PETSERVICE.name} and {PETDETAILS.name}, at the same weight",
        columns=(
            *("weight", "users", "on canary", "99.9% interval"),
            *("to canary", "to stable", "torn", "failures", "changed"),
        ),
        rows=tuple(step.row() for step in steps),
        notes=(
            f"Each visits {_VISITS} times at each weight, with its cookies; {users:,} more come.",
            "to canary, to stable: users who changed sides since the weight before.",
            "torn: users who met versions of both sides, in one request or one after another.",
            f"changed: declared resources that differ; {', '.join(sorted(names)) or 'none'} alone.",
        ),
        data={"confidence": CONFIDENCE, "steps": [step.data() for step in steps]},
        problems=tuple(problems),
    )


async def set_weights(session: Session, weight: int) -> tuple[Difference, ...]:
    """Set the weight of both canaries, and return the differences of the declarations."""
    release = {PETSERVICE.name: {"canaryVersion": CANARY, "canaryWeight": weight}}
    differences, _ = await session.change(
        {"canaryWeight": str(weight), "releases": json.dumps(release)}
    )
    return differences


async def _steps(context: SceneContext, weights: Sequence[int], users: int) -> list[Step]:
    present: list[User] = []
    steps: list[Step] = []
    for weight in weights:
        context.progress(f"canary weights {weight}: {len(present) + users:,} users")
        differences = await set_weights(context.session, weight)
        present += [User() for _ in range(users)]
        steps.append(await _step(context, weight, present, differences))
    return steps


async def _step(
    context: SceneContext, weight: int, users: Sequence[User], differences: tuple[Difference, ...]
) -> Step:
    before = [user.met for user in users]
    failures = await _visit(context, users)
    stable = frozenset({(PETSERVICE.versions[0], context.stable)})
    canary = frozenset({(CANARY, context.canary)})
    was = [met == canary for met in before]
    now = [user.met == canary for user in users]
    known = [bool(met) for met in before]
    return Step(
        weight,
        CanaryShare(weight, sum(now), len(users)),
        to_canary=sum(k and n and not w for k, w, n in zip(known, was, now, strict=True)),
        to_stable=sum(k and w and not n for k, w, n in zip(known, was, now, strict=True)),
        torn=sum(user.met not in (canary, stable) for user in users),
        failures=failures,
        differences=differences,
    )


async def _visit(context: SceneContext, users: Sequence[User]) -> int:
    """Have users visit, and note the versions that they met; return how many requests failed."""
    runtime = context.session.runtime
    entrance = runtime.entrances[0]
    gate = asyncio.Semaphore(_AT_ONCE)
    async with Asker() as asker:
        answers = await asyncio.gather(
            *(_visits(asker, entrance, runtime.origin.authority, user, gate) for user in users)
        )
    hops = await Hops(runtime.folder).of(
        (answer.id for several in answers for answer in several), runtime.pods
    )
    workloads = {pod.name: pod.workload for pod in runtime.pods}
    failures = 0
    for user, several in zip(users, answers, strict=True):
        met: set[Met] = set()
        for answer in several:
            asked = [hop.endpoint for hop in hops[answer.id] if hop.proxy == entrance.gateway]
            front = workloads.get(asked[-1] if asked else "", "").removeprefix(
                f"{PETSERVICE.name}-"
            )
            details = context.classify(answer.status, answer.body)
            failures += not (front and details)
            met.add((front, details))
        user.met = frozenset(met)
    return failures


async def _visits(
    asker: Asker, entrance: Entrance, host: str, user: User, gate: asyncio.Semaphore
) -> list[Answer]:
    answers: list[Answer] = []
    for _ in range(_VISITS):
        async with gate:
            answer = await asker.from_outside(entrance, user.request(host))
        user.take(answer)
        answers.append(answer)
    return answers
