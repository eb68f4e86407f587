"""A program that refuses, or one of whose resources fails: config says which."""

import time
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

from stack.ending import end_without_traceback, report_errors


class Waits(ResourceProvider):
    """Creates after so many seconds, or fails then."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        time.sleep(props["seconds"])
        if props["fails"]:
            raise ValueError("refused by the cloud")
        return CreateResult("made", props)


class Waiting(Resource):
    """A resource that is there after so many seconds, or never."""

    def __init__(self, name: str, seconds: float, *, fails: bool) -> None:
        super().__init__(Waits(), name, {"seconds": seconds, "fails": fails})


end_without_traceback()
with report_errors():
    if pulumi.Config("petmesh").get("canaryWeight"):
        raise pulumi.RunError("canaryWeight = x: must be a whole number")
Waiting("fails", 0, fails=True)
# The program still waits for it when the update has failed.
after = Waiting("slow", 5, fails=False)
pulumi.export("after", after.id.apply(str))
