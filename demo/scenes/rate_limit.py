"""A scene of the ingress: more requests come at once than it lets in."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.scenes.ask import ask_ingress
from demo.scenes.scene import Scene
from demo.scenes.stage import PATH, Stage

KEY = "ingressRequestsPerSecond"
LIMIT = 10
# A machine that sends more than 11 a second exceeds the limit by it.
_BURST = 10 * LIMIT
_LET_IN, _LIMITED = 200, 429


@dataclass(frozen=True)
class Burst:
    """What many requests at once got.

    Attributes:
        statuses: how many answers of each status; 0 where there was none.
        seconds: from the first to the last.
        retry_after: what the limited ones were told.
    """

    statuses: Mapping[int, int]
    seconds: float
    retry_after: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def let_in(self) -> int:
        """How many were let in."""
        return self.statuses.get(_LET_IN, 0)

    @property
    def bound(self) -> int:
        """How many may be let in: a full bucket, and what came into it meanwhile."""
        return LIMIT + math.ceil(LIMIT * self.seconds)


async def burst(stage: Stage, requests: int) -> Burst:
    """Send requests at once."""
    origin = stage.session.runtime.origin
    begun = time.monotonic()
    answers = await asyncio.gather(*(ask_ingress(origin, PATH) for _ in range(requests)))
    seconds = time.monotonic() - begun
    limited = [each for each in answers if each and each.status == _LIMITED]
    return Burst(
        Counter(each.status if each else 0 for each in answers),
        seconds,
        frozenset(each.headers.get("retry-after", "") for each in limited),
    )


async def play(stage: Stage) -> Scene:
    """Limit the ingress, send a burst, wait as long as it says, and ask again."""
    stage.progress(f"{_BURST} requests at once, with a limit of {LIMIT} a second")
    session = stage.session
    await session.change({KEY: str(LIMIT)})
    over = await burst(stage, _BURST)
    await asyncio.sleep(1)
    after = await burst(stage, LIMIT)
    await session.change({KEY: "0"})
    off = await burst(stage, _BURST)
    await session.change({})
    own = session.declaration.config[f"petmesh:{KEY}"]
    expectations = (
        (LIMIT <= over.let_in <= over.bound, f"{over.let_in} were let in, not {LIMIT}"),
        (over.statuses.keys() <= {_LET_IN, _LIMITED}, f"other answers: {dict(over.statuses)}"),
        (over.retry_after == frozenset({"1"}), "a limited request isn't told when to come back"),
        (after.let_in == LIMIT, f"a second later {after.let_in} of {LIMIT} were let in"),
        (off.let_in == _BURST, f"without a limit {off.let_in} of {_BURST} were let in"),
    )
    asked = ((str(LIMIT), over), (f"{LIMIT}, after 1 s", after), ("none", off))
    return Scene(
        key="rateLimit",
        title=f"Rate limit of {LIMIT} requests a second at the ingress",
        columns=("limit", "sent at once", "answered 200", "answered 429"),
        rows=tuple(
            (limit, str(sum(b.statuses.values())), str(b.let_in), str(b.statuses.get(_LIMITED, 0)))
            for limit, b in asked
        ),
        notes=(
            f"{KEY} is {own} in this stack; 0 is no limit.",
            "In what follows it is 0: the loads there would exceed it.",
        ),
        data={
            "limit": LIMIT,
            "bursts": [
                {"limit": limit, "statuses": {str(k): v for k, v in sorted(b.statuses.items())}}
                for limit, b in asked
            ],
        },
        problems=tuple(f"rate limit: {text}" for holds, text in expectations if not holds),
    )
