"""A stand-in for the Kubernetes provider and the cluster behind it, where there is no real one.

It refuses what an API server and Helm refuse: a name that is taken, a namespace or a kind that
isn't there yet, a control plane that can't be reached.
"""

import json
from collections.abc import Callable, Collection

from petmesh.program.fake_cloud import computed_outputs
from tests.engine.standins.protocol import Made, Properties, RefusedError, StandIn

RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACE = "kubernetes:core/v1:Namespace"
# There from the start, as in any cluster: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces
INITIAL_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
# https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/diff.go
_SELECTED = ("spec.selector",)
_IMMUTABLE = {
    "kubernetes:apps/v1:Deployment": _SELECTED,
    "kubernetes:apps/v1:StatefulSet": (*_SELECTED, "spec.serviceName", "spec.volumeClaimTemplates"),
    "kubernetes:core/v1:Service": ("spec.clusterIP",),
}
_IDENTITY = ("name", "namespace", "apiVersion", "kind", "metadata.name", "metadata.namespace")


class Cluster(StandIn):
    """One cluster.

    Args:
        reachable: Whether there is a control plane at a server's URL.
    """

    def __init__(self, reachable: Callable[[str], bool]) -> None:
        super().__init__()
        self._reachable = reachable

    def computed(self, type_: str, name: str, inputs: Properties) -> tuple[str, Properties]:
        return computed_outputs(type_, name, inputs, {})

    def replaces(self, type_: str) -> Collection[str]:
        return (*_IDENTITY, *_IMMUTABLE.get(type_, ()))

    def may_create(self, type_: str, id_: str, inputs: Properties) -> None:
        self._must_answer()
        namespace = (inputs if type_ == RELEASE else inputs["metadata"]).get("namespace")
        if namespace and not self._has(NAMESPACE, namespace):
            raise RefusedError(f'namespaces "{namespace}" not found')
        if (type_, id_) in self.made:
            if type_ == RELEASE:
                raise RefusedError("cannot re-use a name that is still in use")
            if self.config.get("upsertExistingObjects") != "true":
                raise RefusedError(f'{inputs["kind"].lower()}s "{id_}" already exists')
        group = inputs.get("apiVersion", "").partition("/")[0]
        if group.endswith(".istio.io") and not self._has(RELEASE, "istio-system/istio-base"):
            raise RefusedError(f'no matches for kind "{inputs["kind"]}" in version "{group}"')

    def may_update(self, type_: str, id_: str) -> None:
        self._must_answer()
        super().may_update(type_, id_)

    def may_delete(self, type_: str, made: Made) -> None:
        del type_, made
        self._must_answer()

    def diff_config(self, old: Properties, new: Properties) -> Collection[str]:
        """What isn't the same cluster: its identifier's change, or its server's without one.

        Source:
            https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/provider.go
        """
        identifiers = old.get("clusterIdentifier"), new.get("clusterIdentifier")
        if all(identifiers):
            return () if identifiers[0] == identifiers[1] else ("clusterIdentifier",)
        return () if _active(old) == _active(new) else ("kubeconfig", "context", "cluster")

    def _has(self, type_: str, id_: str) -> bool:
        return (type_, id_) in self.made or (type_ == NAMESPACE and id_ in INITIAL_NAMESPACES)

    def _must_answer(self) -> None:
        server = (_active(self.config) or {}).get("server", "")
        if not self._reachable(server):
            raise RefusedError(f"configured Kubernetes cluster is unreachable: {server}")


def _active(config: Properties) -> Properties | None:
    """The cluster that a provider's kubeconfig and context name."""
    if "kubeconfig" not in config:
        return None
    try:
        known = json.loads(config["kubeconfig"])
    except ValueError:
        return None
    context = config.get("context") or known["current-context"]
    [named] = [each["context"]["cluster"] for each in known["contexts"] if each["name"] == context]
    [cluster] = [each["cluster"] for each in known["clusters"] if each["name"] == named]
    return cluster
