"""The istiods of a mesh by revision, and which of them each namespace's pods are of.

An upgrade by revision is four changes of config: a second istiod, the namespaces moved to it one by
one, its version made the stack's own, and with that the old istiod removed.

Source:
    https://istio.io/latest/docs/setup/upgrade/canary/
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from semver import Version

from istio.charts import Charts

REVISION_LABEL = "istio.io/rev"
# Annotations of pod templates, so that the pods are replaced by a rolling update: else they keep
# the proxies that they were injected with.
PROXY_VERSION = "petmesh/istio-version"
PROXY_REVISION = "petmesh/istio-revision"


@dataclass(frozen=True)
class Revision:
    """An istiod, and the charts that it and the proxies of its pods come from.

    Attributes:
        charts: The charts.
        name: The revision's name in labels; empty for the istiod that has none.
    """

    charts: Charts
    name: str = ""

    @classmethod
    def named(cls, charts: Charts) -> Self:
        """The revision that is named after its version, such as 1-31-1."""
        return cls(charts, charts.version.replace(".", "-"))

    @property
    def istiod(self) -> str:
        """The name of istiod's Helm release, Deployment and Service."""
        return f"istiod-{self.name}" if self.name else "istiod"

    @property
    def values(self) -> Mapping[str, str]:
        """What the values of istiod's chart say of the revision."""
        return {"revision": self.name} if self.name else {}

    @property
    def injection(self) -> Mapping[str, str]:
        """The label of a namespace whose pods get its proxies."""
        return {REVISION_LABEL: self.name} if self.name else {"istio-injection": "enabled"}

    @property
    def proxy(self) -> Mapping[str, str]:
        """The annotations of the pods that get its proxies."""
        named = {PROXY_REVISION: self.name} if self.name else {}
        return {PROXY_VERSION: self.charts.version, **named}


@dataclass(frozen=True)
class Revisions:
    """The istiods of a mesh.

    Attributes:
        stable: That of every namespace that isn't moved; it validates Istio's objects.
        canary: The second one; None where there is none.
        moved: The namespaces of the second one.
    """

    stable: Revision
    canary: Revision | None = None
    moved: Collection[str] = ()

    @property
    def every(self) -> Sequence[Revision]:
        """The stable one, then the second one, where there is one."""
        return [self.stable, self.canary] if self.canary else [self.stable]

    @property
    def newest(self) -> Charts:
        """The charts of the CRDs: newer ones have all that older istiods know."""
        return self._by_age[-1]

    @property
    def oldest(self) -> Charts:
        """The charts of the CNI plugin: it serves istiods of its own and of the next minor version.

        Source:
            https://docs.redhat.com/en/documentation/red_hat_openshift_service_mesh/3.2/html/updating/ossm-updating-istio-cni
        """
        return self._by_age[0]

    def of(self, namespace: str) -> Revision:
        """The revision of a namespace's pods."""
        return self.canary if self.canary and namespace in self.moved else self.stable

    @property
    def _by_age(self) -> Sequence[Charts]:
        if not self.canary:
            return [self.stable.charts]
        both = self.stable.charts, self.canary.charts
        return sorted(both, key=lambda each: Version.parse(each.version))
