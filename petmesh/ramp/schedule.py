"""Times in which a ramp may move."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

Clock = Callable[[], datetime]
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_FORM = re.compile(
    rf"(?P<first>{_DAY})(-(?P<last>{_DAY}))? "
    r"(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d) (?P<zone>[A-Za-z0-9_+/-]{1,64})"
)
_ALLOWED = "must be days, hours and a zone, as Mon-Fri 09:00-16:00 Europe/Berlin"


def _parsed(window: str) -> tuple[frozenset[int], time, time, ZoneInfo]:
    """The days from Monday 0 on, when it begins and ends, and the zone.

    Raises:
        ValueError: it isn't written so.
    """
    match = _FORM.fullmatch(window)
    if match is None:
        raise ValueError(_ALLOWED)
    first = _DAYS.index(match["first"])
    last = _DAYS.index(match["last"] or match["first"])
    days = frozenset((first + ahead) % 7 for ahead in range((last - first) % 7 + 1))
    begin, end = (time.fromisoformat(match[each]) for each in ("begin", "end"))
    if begin >= end:
        raise ValueError(f"{_ALLOWED}; it ends on the day on which it begins")
    try:
        return days, begin, end, ZoneInfo(match["zone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{match['zone']}: no zone of the tz database") from error


def _readable(window: str) -> str:
    _parsed(window)
    return window


Window = Annotated[str, AfterValidator(_readable)]


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def is_open(windows: tuple[Window, ...], moment: datetime) -> bool:
    """Whether a moment with a zone is in one of the windows; always where there is none."""
    return not windows or any(_holds(window, moment) for window in windows)


def _holds(window: Window, moment: datetime) -> bool:
    days, begin, end, zone = _parsed(window)
    local = moment.astimezone(zone)
    return local.weekday() in days and begin <= local.time() < end
