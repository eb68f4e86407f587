"""One version of a service: a hardened Deployment with its autoscaler and its disruption budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

USER = 65532
PORT_NAME = "http"
# After the pod is taken out of its Service, callers' proxies hear of it within seconds; until then
# the container keeps serving. It has the rest to finish what it began: at most 30 s by default.
SETTLE_SECONDS = 5
GRACE_SECONDS = 45
# Measured of petservice: 40 MiB at rest, 42 under load, and 220 while 1,000 connections each hold a
# head of 58 KiB and an endless body: 200 of each of five gateway pods (istio/destinations.py).
MEMORY_LIMIT = "256Mi"


@dataclass(frozen=True)
class WorkloadArgs:
    """What a workload is made of.

    Attributes:
        service: The service's name, also its ServiceAccount's; its pods have it as label `app`.
        version: The version; its pods have it as label `version`.
        namespace: The namespace, labelled for injection.
        port: The TCP port that it serves HTTP on.
        image: The image reference.
        min_replicas: Fewest pods.
        max_replicas: Most pods.
        needs: What has to be there before a pod is created, or it would run without its
            sidecar or its policies.
        environment: Environment variables besides PORT and SERVICE_VERSION.
        annotations: The pods' annotations.
    """

    service: str
    version: str
    namespace: str
    port: int
    image: pulumi.Input[str]
    min_replicas: int
    max_replicas: int
    needs: Sequence[pulumi.Resource]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


class Workload(pulumi.ComponentResource):
    """The pods of one version.

    Attributes:
        deployment: The Deployment, ready once its pods are.
    """

    def __init__(
        self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:apps:Workload", name, None, opts)
        labels = {"app": args.service, "version": args.version}
        metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {
            "name": f"{args.service}-{args.version}",
            "namespace": args.namespace,
            "labels": labels,
        }
        self.deployment = kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec={
                # No replicas here: the autoscaler owns them.
                "selector": {"match_labels": labels},
                "strategy": {"rolling_update": {"max_surge": 1, "max_unavailable": 0}},
                "template": {
                    "metadata": {"labels": labels, "annotations": args.annotations},
                    "spec": _pod(args, labels),
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=[self.deployment])
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            f"{name}-autoscaler",
            metadata=metadata,
            spec=_autoscaling(args),
            opts=child,
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=metadata,
            # The most that may be away, not the fewest that must be there: one pod alone can move.
            # A pod that isn't ready never holds up a node's upgrade.
            spec={
                "selector": {"match_labels": labels},
                "max_unavailable": 1,
                "unhealthy_pod_eviction_policy": "AlwaysAllow",
            },
            opts=child,
        )
        self.register_outputs({})


def _autoscaling(
    args: WorkloadArgs,
) -> kubernetes.autoscaling.v2.HorizontalPodAutoscalerSpecArgsDict:
    return {
        "scale_target_ref": {
            "api_version": "apps/v1",
            "kind": "Deployment",
            "name": f"{args.service}-{args.version}",
        },
        "min_replicas": args.min_replicas,
        "max_replicas": args.max_replicas,
        "metrics": [
            {
                # The service's own container: its sidecar's load is no reason for more of it.
                "type": "ContainerResource",
                "container_resource": {
                    "name": "cpu",
                    "container": args.service,
                    "target": {"type": "Utilization", "average_utilization": 70},
                },
            }
        ],
    }


def _pod(args: WorkloadArgs, labels: Mapping[str, str]) -> kubernetes.core.v1.PodSpecArgsDict:
    environment = {"PORT": str(args.port), "SERVICE_VERSION": args.version, **args.environment}
    return {
        "service_account_name": args.service,
        "automount_service_account_token": False,
        "termination_grace_period_seconds": GRACE_SECONDS,
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": USER,
            "run_as_group": USER,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "topology_spread_constraints": [
            {
                "max_skew": 1,
                "topology_key": "kubernetes.io/hostname",
                "when_unsatisfiable": "ScheduleAnyway",
                "label_selector": {"match_labels": labels},
            }
        ],
        "containers": [
            {
                "name": args.service,
                "image": args.image,
                "image_pull_policy": "IfNotPresent",
                "ports": [{"name": PORT_NAME, "container_port": args.port}],
                "env": [{"name": key, "value": value} for key, value in environment.items()],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "96Mi"},
                    "limits": {"cpu": "1", "memory": MEMORY_LIMIT},
                },
                "readiness_probe": {
                    "http_get": {"path": "/healthz/ready", "port": PORT_NAME},
                    "period_seconds": 3,
                    "timeout_seconds": 2,
                },
                "liveness_probe": {
                    "http_get": {"path": "/healthz/live", "port": PORT_NAME},
                    "period_seconds": 10,
                    "timeout_seconds": 5,
                },
                "lifecycle": {"pre_stop": {"sleep": {"seconds": SETTLE_SECONDS}}},
                "security_context": {
                    "allow_privilege_escalation": False,
                    "read_only_root_filesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
