"""The page of a rehearsed mesh."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from petmesh.mesh.mesh import Mesh
from petmesh.program.declaration import Declaration
from petmesh.rehearsal.ask import Asker
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.settings import RehearsalSettings
from petmesh.ui import traffic
from petmesh.ui.controls import Controls
from petmesh.ui.feed import Json
from petmesh.ui.graph import graph_of
from petmesh.ui.load import SteadyLoad
from petmesh.ui.objects import texts
from petmesh.ui.server import Action, Page, RefusalError
from petmesh.ui.trial import Trial

_EVERY_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsed mesh to be shown.

    Attributes:
        runtime: started.
        declaration: returns what is applied now.
        title: what is rehearsed, for people; of a program, its stack's name is.
        settings: how the workloads run, for the calls of stand-ins.
        controls: of a stack's config; None where there is none to change.
        sends: whether the page sends requests.
    """

    runtime: Runtime
    declaration: Callable[[], Declaration]
    title: str = ""
    settings: RehearsalSettings = field(default_factory=RehearsalSettings)
    controls: Controls | None = None
    sends: bool = True


class RehearsalPage:
    """Shows a rehearsed mesh, and sends requests to it.

    Args:
        page: gets the parts and actions.
        rehearsed: what is shown.
    """

    def __init__(self, page: Page, rehearsed: Rehearsed) -> None:
        self._feed = page.feed
        self._page = page
        self._runtime = rehearsed.runtime
        self._declaration = rehearsed.declaration
        self._title = rehearsed.title
        self._settings = rehearsed.settings
        self._controls = rehearsed.controls
        self._sends = rehearsed.sends

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep the parts true and take requests while the context is open."""
        async with Asker() as asker:
            trial = Trial(self._runtime, asker)
            load = SteadyLoad(trial, self._feed)
            self._page.actions["object"] = Action(self._object, writes=False)
            if self._sends:
                self._page.actions |= {"request": Action(trial.send), "load": Action(load.change)}
            if self._controls:
                self._page.actions["config"] = Action(self._controls.change)
            self._show(trial)
            following = [
                asyncio.create_task(self._told(traffic.follow(self._runtime, self._feed))),
                asyncio.create_task(self._told(self._follow(trial))),
            ]
            try:
                yield
            finally:
                await load.stop()
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)

    async def _told(self, following: Coroutine[Any, Any, None]) -> None:
        """Say on the page where a part of it can't be kept true any more."""
        try:
            await following
        except Exception as error:
            self._feed.set("trouble", f"the page isn't kept up to date: {error!r}")
            raise

    async def _follow(self, trial: Trial) -> None:
        """Show the mesh anew when another is applied."""
        shown = self._declaration()
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            if self._declaration() is not shown:
                shown = self._declaration()
                self._show(trial)

    def _show(self, trial: Trial) -> None:
        mesh = self._runtime.mesh
        self._feed.set("mesh", graph_of(mesh, self._calls(mesh)).data())
        if self._sends:
            self._feed.set("form", trial.form())
        stack = self._declaration().stack
        title = f"stack {stack}" if stack else self._title
        self._feed.set("about", {"title": title, "findings": list(findings(mesh, self._settings))})
        if self._controls:
            self._feed.set("controls", self._controls.data())

    def _calls(self, mesh: Mesh) -> Iterable[tuple[str, str]]:
        """Yield the calls of stand-ins, which no object tells of."""
        services = {service.metadata.name: service for service in mesh.services}
        for workload in mesh.workloads:
            for url in self._settings.of(workload).calls:
                name = url.removeprefix("http://").partition("/")[0].partition(":")[0]
                service = services.get(name.partition(".")[0])
                for called in mesh.workloads if service else ():
                    if service and service.spec.selects(called.labels):
                        yield workload.name, called.name

    async def _object(self, asked: Mapping[str, Any]) -> Json:
        name = str(asked.get("name"))
        text = texts(self._declaration()).get(name)
        if text is None:
            raise RefusalError(f"{name}: no such object is declared")
        return {"name": name, "text": text}
