"""Deletion protection of a whole stack: a destroy is refused before it has deleted anything."""

from collections.abc import Sequence

import pulumi


class DeletionProtection(pulumi.ComponentResource):
    """The resource that depends on every other one, so that a destroy deletes it first.

    The engine refuses to delete a protected resource, but deletes those that it doesn't depend on
    first: of a protected cluster alone, all that runs in it. This one stands for nothing in a
    cloud. While it is protected, a destroy stops at it; an up goes on deleting what the program
    doesn't declare any more, such as a version's pods.
    """

    def __init__(self, everything: Sequence[pulumi.Resource], *, protect: bool) -> None:
        """Declare the protection.

        Args:
            everything: Every other resource of the stack.
            protect: Whether a destroy is refused.
        """
        super().__init__(
            "petmesh:stack:DeletionProtection",
            "deletion-protection",
            None,
            pulumi.ResourceOptions(depends_on=everything, protect=protect),
        )
        self.register_outputs({})


def declared_from_here_on() -> Sequence[pulumi.Resource]:
    """Return a list to which each resource is added that the program declares after this call.

    Components aren't: what they hold is.
    """
    declared: list[pulumi.Resource] = []

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        if isinstance(args.resource, pulumi.CustomResource):
            declared.append(args.resource)

    pulumi.runtime.register_stack_transformation(note)
    return declared
