"""What browsers that look are told."""

import asyncio
from typing import Any

from petmesh.ui.feed import Feed


def _told(queue: asyncio.Queue[Any]) -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_a_browser_gets_the_parts_and_then_their_changes() -> None:
    feed = Feed()
    feed.set("about", {"title": "a"})
    with feed.watched() as queue:
        feed.set("about", {"title": "b"})
        feed.add("traffic", 1)
        assert _told(queue) == [
            {"parts": {"about": {"title": "a"}}},
            {"part": "about", "value": {"title": "b"}},
            {"part": "traffic", "item": 1},
        ]


async def test_what_is_the_same_is_told_once() -> None:
    feed = Feed()
    feed.set("about", None)
    with feed.watched() as queue:
        feed.set("about", None)
        assert _told(queue) == [{"parts": {"about": None}}]


async def test_items_that_come_later_arent_told_twice() -> None:
    feed = Feed()
    feed.add("traffic", 1)
    with feed.watched() as queue:
        feed.add("traffic", 2)
        first, second = _told(queue)
        assert first == {"parts": {"traffic": [1]}}
        assert second == {"part": "traffic", "item": 2}


async def test_a_list_keeps_its_latest_items() -> None:
    feed = Feed()
    for number in range(2000):
        feed.add("traffic", number)
    with feed.watched() as queue:
        held = _told(queue)[0]["parts"]["traffic"]
        assert held[-1] == 1999
        assert len(held) == 900


async def test_a_browser_that_takes_nothing_is_let_go_and_holds_nobody_up() -> None:
    feed = Feed()
    with feed.watched() as slow, feed.watched() as quick:
        for number in range(1000):
            feed.set("number", number)
            quick.get_nowait()
        assert _told(slow) == [None]
        assert quick.get_nowait() == {"part": "number", "value": 999}
    assert not feed.is_watched


async def test_the_end_is_told() -> None:
    feed = Feed()
    with feed.watched() as queue:
        feed.end()
        assert _told(queue)[-1] is None
