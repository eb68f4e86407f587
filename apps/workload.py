"""One version of a service: a hardened Deployment with its autoscaler and its disruption budget."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from apps.arguments import ServiceArgs

USER = 65532
PORT_NAME = "http"
# After the pod is removed from its Service, callers' proxies are updated within seconds; until then
# the container keeps serving. It has the rest for requests in flight: at most 30 s by default.
SETTLE_SECONDS = 5
GRACE_SECONDS = 45


class Workload(pulumi.ComponentResource):
    """One version's Deployment, HorizontalPodAutoscaler and PodDisruptionBudget.

    Attributes:
        deployment: The Deployment, ready once its pods are.
    """

    def __init__(
        self,
        args: ServiceArgs,
        version: str,
        image: pulumi.Input[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a version of a service; its pods have the labels `app` and `version`.

        Args:
            args: The service.
            version: The version.
            image: The image's reference.
            needs: Resources that a pod is created after: created earlier, it would run without its
                sidecar or its policies.
            opts: The component's options.
        """
        name = f"{args.service.name}-{version}"
        super().__init__("petmesh:apps:Workload", name, None, opts)
        labels = {"app": args.service.name, "version": version}
        metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {
            "name": name,
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
                    "spec": _pod(args, labels, image),
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=[self.deployment])
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            f"{name}-autoscaler",
            metadata=metadata,
            spec=_autoscaling(args, name),
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
    args: ServiceArgs, deployment: str
) -> kubernetes.autoscaling.v2.HorizontalPodAutoscalerSpecArgsDict:
    return {
        "scale_target_ref": {
            "api_version": "apps/v1",
            "kind": "Deployment",
            "name": deployment,
        },
        "min_replicas": args.min_replicas,
        "max_replicas": args.max_replicas,
        "metrics": [
            {
                # The service's own container: its sidecar's load is no reason for more of it.
                "type": "ContainerResource",
                "container_resource": {
                    "name": "cpu",
                    "container": args.service.name,
                    "target": {"type": "Utilization", "average_utilization": 70},
                },
            }
        ],
    }


def _pod(
    args: ServiceArgs, labels: Mapping[str, str], image: pulumi.Input[str]
) -> kubernetes.core.v1.PodSpecArgsDict:
    service, resources = args.service, args.service.entry.resources
    environment = {
        "PORT": str(service.port),
        "SERVICE_VERSION": labels["version"],
        **args.environment,
    }
    return {
        "service_account_name": service.name,
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
                "name": service.name,
                "image": image,
                "image_pull_policy": "IfNotPresent",
                "ports": [{"name": PORT_NAME, "container_port": service.port}],
                "env": [{"name": key, "value": value} for key, value in environment.items()],
                "resources": {
                    "requests": resources.requests.model_dump(),
                    "limits": resources.limits.model_dump(),
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
