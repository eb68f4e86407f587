"""Commands with a page to look at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from petmesh.ramp.target import UsageError

if TYPE_CHECKING:
    from petmesh.ramp.options import RampOptions


async def ramp_with_page(options: RampOptions, port: int | None) -> int:
    """Ramp with a page, which is served before anything is done and until the ramp has ended.

    Raises what `ramping.ramp` does, and a UsageError where the page's port isn't available.
    """
    from petmesh.ramp import ramping
    from petmesh.ramp.progress import say
    from petmesh.ui.ramp import watching
    from petmesh.ui.server import Page, UiPortError, served

    page = Page()
    page.feed.set("about", {"title": f"stack {options.stack}", "findings": []})
    page.feed.set("waiting", "The ramp hasn't begun: both versions are observed before it does.")
    try:
        async with served(page, port) as links:
            say(f"to look at: {links.writing}", sys.stderr)
            say(f"to look at, and change nothing: {links.reading}", sys.stderr)
            return await ramping.ramp(options, watching(page))
    except UiPortError as error:
        raise UsageError(str(error)) from error
