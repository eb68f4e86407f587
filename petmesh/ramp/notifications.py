"""Tells people of every change of phase, by Apprise."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from apprise import Apprise

from petmesh.ramp.header import RampHeader
from petmesh.ramp.target import UsageError
from petmesh.ramp.webhook import Notifier

_SECONDS = 15.0


class Notifications(Notifier):
    """Tells people by Apprise: Slack, Teams, mail and others, each by an address of its own.

    Args:
        urls: Apprise's addresses, which hold secrets: no message shows them.
        header: what the ramp was asked to do.

    Raises:
        UsageError: an address is none that Apprise knows.

    Source:
        https://github.com/caronc/apprise/wiki
    """

    name = "people"

    def __init__(self, urls: Sequence[str], header: RampHeader) -> None:
        super().__init__(header, _SECONDS)
        self._apprise = check_addresses(urls)

    async def send(self, message: dict[str, Any]) -> bool:
        """Send its text to every address; one that fails is tried again with the others."""
        title = f"petmesh: {message['stack']}"
        sent = await self._apprise.async_notify(body=message["text"], title=title)
        return bool(sent)


def check_addresses(urls: Sequence[str]) -> Apprise:
    """Apprise with addresses.

    Raises:
        UsageError: one is none that Apprise knows.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    apprise = Apprise()
    for number, url in enumerate(urls, 1):
        # Its types are known by its documentation alone.
        add = cast("Callable[[str], bool]", apprise.add)  # pyright: ignore[reportUnknownMemberType]
        if not add(url):
            scheme = url.partition("://")[0] if "://" in url else ""
            raise UsageError(
                f"--notify: address {number} ({scheme or 'without ://'}) is none that Apprise "
                "knows, such as slack://, msteams:// or mailto://"
            )
    return apprise
