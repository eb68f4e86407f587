"""Which workloads a policy is for: those that it selects, or what its targetRefs name."""

from petmesh.mesh.fields import Fields
from petmesh.mesh.kubernetes import LabelSelector


class TargetRef(Fields):
    """A PolicyTargetReference: the Gateway, Service or ServiceEntry that a policy is for."""

    group: str = ""
    kind: str
    name: str
    namespace: str = ""


class PolicyTargets(Fields):
    """The fields by which an AuthorizationPolicy, RequestAuthentication or Telemetry has workloads.

    https://istio.io/latest/docs/reference/config/type/workload-selector/
    """

    selector: LabelSelector | None = None
    target_ref: TargetRef | None = None
    target_refs: tuple[TargetRef, ...] = ()

    @property
    def targets(self) -> tuple[TargetRef, ...]:
        """What the object is for, instead of selected workloads."""
        return (*([self.target_ref] if self.target_ref else []), *self.target_refs)

    @property
    def selected(self) -> dict[str, str]:
        """The labels of the selected pods; none select all."""
        return self.selector.match_labels if self.selector else {}
