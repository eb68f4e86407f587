"""What an update would do to a stack, and whose each part of it is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

from petmesh.ramp.stack_state import Exported

_UNCHANGED = (OpType.SAME, OpType.READ, OpType.REFRESH)


@dataclass(frozen=True)
class Step:
    """Something that an update does to a resource."""

    op: str
    type: str
    urn: str

    @property
    def name(self) -> str:
        """What the program calls it."""
        return self.urn.rpartition("::")[2]

    def belongs_to(self, workload: str) -> bool:
        """Whether it is of a workload: its pods, autoscaler, budget, image, ..."""
        return self.name == workload or self.name.startswith(f"{workload}-")

    def is_of_promotion(self, routes: Collection[str], old: Iterable[str]) -> bool:
        """Whether a promotion may do it.

        Args:
            routes: the URNs of the routes that it moves.
            old: the workloads that it ends.
        """
        moves_route = self.urn in routes and self.op == "update"
        return moves_route or (self.op == "delete" and any(map(self.belongs_to, old)))

    def is_of(self, releases: Exported) -> bool:
        """Whether it is of a release: of its routes, or of a version's workload."""
        return any(
            self.urn in {route.urn for route in each.routes}
            or any(map(self.belongs_to, each.workloads.values()))
            for each in releases.values()
        )

    def __str__(self) -> str:
        return f"{self.type.rpartition(':')[2]} {self.name}"


def pending(stack: automation.Stack) -> list[Step]:
    """What an update of the whole stack would do."""
    steps: list[Step] = []

    def take(event: EngineEvent) -> None:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            if step.op not in _UNCHANGED:
                steps.append(Step(step.op.value, step.type, step.urn))

    stack.preview(on_event=take, color="never")
    return steps


def names_of(steps: Iterable[Step]) -> str:
    """The steps in one line, each once."""
    return ", ".join(dict.fromkeys(map(str, steps)))
