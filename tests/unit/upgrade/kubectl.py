"""A kubectl that answers from a cluster's objects, and what is in such a cluster."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
ISTIO = "networking.istio.io"
KINDS = ("virtualservices", "destinationrules", "envoyfilters")


@dataclass
class Kubectl:
    """Takes the place of `subprocess.run`.

    Attributes:
        version: The API server's version.
        context: The only kube context that it knows.
        forbidden: The kinds that the user may not create.
        unreadable: What the user may not read.
        gateway_api: The versions of the Gateway API's gateways that are served.
        objects: Each plural's objects.
    """

    version: str = "v1.33.2"
    context: str = "prod"
    forbidden: Sequence[str] = ()
    unreadable: str = ""
    gateway_api: Sequence[str] = ("v1",)
    objects: Mapping[str, Sequence[Mapping[str, Any]]] = field(
        default_factory=dict[str, Sequence[Mapping[str, Any]]]
    )

    def __call__(
        self, command: Sequence[str], **options: object
    ) -> subprocess.CompletedProcess[str]:
        del options
        name, option, context, *words = command
        assert (name, option, context) == ("kubectl", "--context", self.context)
        if words[0] == "auth":
            refused = words[3] in self.forbidden
            return subprocess.CompletedProcess(command, refused, "no\n" if refused else "yes\n", "")
        asked = words[1] if words[0] == "get" else words[0]
        if asked == self.unreadable:
            error = f"Error from server (Forbidden): {asked} is forbidden\n"
            return subprocess.CompletedProcess(command, 1, "", error)
        return subprocess.CompletedProcess(command, 0, self._answer(asked), "")

    def _answer(self, asked: str) -> str:
        if asked == "version":
            return json.dumps({"serverVersion": {"gitVersion": self.version}})
        if asked == "api-resources":
            return "\n".join([CRDS, *(f"{each}.{ISTIO}" for each in KINDS)])
        if asked == CRDS:
            gateways = _crd("gateway.networking.k8s.io", "gateways", "Gateway", self.gateway_api)
            return json.dumps({"items": [gateways, *(_crd(ISTIO, each, "") for each in KINDS)]})
        return json.dumps({"items": self.objects.get(asked.partition(".")[0], [])})


def _crd(
    group: str, plural: str, kind: str, served: Sequence[str] = ("v1",)
) -> Mapping[str, object]:
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"plural": plural, "kind": kind},
            "versions": [
                {"name": "v0", "served": False},
                *({"name": each, "served": True} for each in served),
            ],
        },
    }


def pod(name: str, image: str, *, native: bool = False, revision: str = "") -> Mapping[str, Any]:
    """A pod of the namespace shop with a proxy, as a container or as a native sidecar."""
    proxy = {"name": "istio-proxy", "image": image}
    app = {"name": "app", "image": "shop:v1"}
    inits = {"initContainers": [proxy]} if native else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            **({"annotations": {"istio.io/rev": revision}} if revision else {}),
        },
        "spec": {"containers": [app] if native else [app, proxy], **inits},
    }
