"""Where an application's objects go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import pulumi


@dataclass(frozen=True)
class Place:
    """What all objects of an application share.

    Attributes:
        namespace: Their namespace.
        parent: The component that they belong to.
        needs: What has to be there first: the namespace, at least.
    """

    namespace: str
    parent: pulumi.Resource
    needs: Sequence[pulumi.Resource]

    @property
    def options(self) -> pulumi.ResourceOptions:
        """The options of a resource there."""
        return pulumi.ResourceOptions(parent=self.parent, depends_on=self.needs)

    def after(self, *needs: pulumi.Resource) -> Self:
        """The same place once more is there."""
        return replace(self, needs=[*self.needs, *needs])
