"""Istio's own Helm charts: their location, a release of one, and the values of gateways."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from istio import idle
from istio.pod_security import SECCOMP

TIMEOUT_SECONDS = 600
# An ending gateway closes each connection with its next response, and ends with the last of them:
# by then one without requests is idle for long enough to be closed too, and its last request done.
GATEWAY_GRACE_SECONDS = idle.GATEWAY + 30


@dataclass(frozen=True)
class Charts:
    """A location of charts.

    Attributes:
        version: Their version.
        location: An https:// chart repository, an oci:// registry path, or a folder of charts.
    """

    version: str
    location: str

    def release(
        self,
        name: str,
        chart: str,
        namespace: str,
        values: Mapping[str, object],
        opts: pulumi.ResourceOptions,
    ) -> kubernetes.helm.v3.Release:
        """Return a chart's Helm release, which waits until its objects are ready.

        Args:
            name: Its name, in the cluster too.
            chart: The chart's name.
            namespace: Its namespace, which exists.
            values: The chart's values.
            opts: The release's options.
        """
        in_repository = self.location.startswith("https://")
        return kubernetes.helm.v3.Release(
            name,
            name=name,
            namespace=namespace,
            chart=chart if in_repository else f"{self.location}/{chart}",
            repository_opts={"repo": self.location} if in_repository else None,
            version=self.version if "://" in self.location else None,
            values=values,
            timeout=TIMEOUT_SECONDS,
            opts=opts,
        )


def gateway_values(
    proxy: Mapping[str, str], min_replicas: int, max_replicas: int
) -> Mapping[str, object]:
    """Return the gateway chart's values for an ingress and an egress alike.

    Args:
        proxy: The annotations of pods that a proxy is injected into.
        min_replicas: Minimum pods, from 1 to 20.
        max_replicas: Maximum pods, from `min_replicas` to 100.
    """
    return {
        # The chart's Service has the status and TLS ports too: ours doesn't.
        "service": {"type": "None"},
        "imagePullPolicy": "IfNotPresent",
        "podAnnotations": proxy,
        "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        # By default Envoy is stopped after 5 s, and with it the requests that are under way then.
        # https://istio.io/latest/docs/reference/commands/pilot-agent/#envvars
        "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},
        "terminationGracePeriodSeconds": GATEWAY_GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": SECCOMP,
            # The chart's own: with it no capability is needed for ports 80 and 443.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "autoscaling": {"minReplicas": min_replicas, "maxReplicas": max_replicas},
        # A budget of one pod out of one would block every upgrade of its node.
        "podDisruptionBudget": {"maxUnavailable": 1} if min_replicas > 1 else {},
    }
