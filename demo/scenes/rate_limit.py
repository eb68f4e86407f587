"""The scene of the rate limit: more simultaneous requests than the ingress admits."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.scenes.http_client import request_ingress
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext

KEY = "ingressRequestsPerSecond"
LIMIT = 10
# A machine that sends more than 11 a second exceeds the limit by it.
_BURST = 10 * LIMIT
_ADMITTED, _LIMITED = 200, 429


@dataclass(frozen=True)
class Burst:
    """The responses to simultaneous requests.

    Attributes:
        statuses: the number of responses by status; 0 is a failed connection.
        seconds: from the first to the last.
        retry_after: the headers of the limited responses.
    """

    statuses: Mapping[int, int]
    seconds: float
    retry_after: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def admitted(self) -> int:
        """The number of admitted requests."""
        return self.statuses.get(_ADMITTED, 0)

    @property
    def bound(self) -> int:
        """The greatest number that may be admitted: a full bucket, and tokens added meanwhile."""
        return LIMIT + math.ceil(LIMIT * self.seconds)


async def burst(context: SceneContext, requests: int) -> Burst:
    """Send requests at once."""
    origin = context.session.runtime.origin
    begun = time.monotonic()
    answers = await asyncio.gather(*(request_ingress(origin, PATH) for _ in range(requests)))
    seconds = time.monotonic() - begun
    limited = [each for each in answers if each and each.status == _LIMITED]
    return Burst(
        Counter(each.status if each else 0 for each in answers),
        seconds,
        frozenset(each.headers.get("retry-after", "") for each in limited),
    )


async def play(context: SceneContext) -> Scene:
    """Limit the ingress, send a burst, wait as long as it says, and send another."""
    context.progress(f"{_BURST} requests at once, with a limit of {LIMIT} a second")
    session = context.session
    await session.change({KEY: str(LIMIT)})
    over = await burst(context, _BURST)
    await asyncio.sleep(1)
    after = await burst(context, LIMIT)
    await session.change({KEY: "0"})
    off = await burst(context, _BURST)
    await session.change({})
    own = session.declaration.config[f"petmesh:{KEY}"]
    expectations = (
        (LIMIT <= over.admitted <= over.bound, f"{over.admitted} were admitted, not {LIMIT}"),
        (over.statuses.keys() <= {_ADMITTED, _LIMITED}, f"other answers: {dict(over.statuses)}"),
        (over.retry_after == frozenset({"1"}), "a limited request has no Retry-After"),
        (after.admitted == LIMIT, f"a second later {after.admitted} of {LIMIT} were admitted"),
        (off.admitted == _BURST, f"without a limit {off.admitted} of {_BURST} were admitted"),
    )
    bursts = ((str(LIMIT), over), (f"{LIMIT}, after 1 s", after), ("none", off))
    return Scene(
        key="rateLimit",
        title=f"Rate limit of {LIMIT} requests a second at the ingress",
        columns=("limit", "sent at once", "answered 200", "answered 429"),
        rows=tuple(
            (
                limit,
                str(sum(b.statuses.values())),
                str(b.admitted),
                str(b.statuses.get(_LIMITED, 0)),
            )
            for limit, b in bursts
        ),
        notes=(
            f"{KEY} is {own} in this stack; 0 is no limit.",
            "In what follows it is 0: the loads there would exceed it.",
        ),
        data={
            "limit": LIMIT,
            "bursts": [
                {"limit": limit, "statuses": {str(k): v for k, v in sorted(b.statuses.items())}}
                for limit, b in bursts
            ],
        },
        problems=tuple(f"rate limit: {text}" for holds, text in expectations if not holds),
    )
