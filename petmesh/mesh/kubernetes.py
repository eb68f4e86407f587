"""Kubernetes objects: the fields that the rehearsal uses, and those that it leaves out."""

from typing import Annotated, Any, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata, exactly_one, only

ISOLATION = LeftOut("processes of this machine, not containers: no isolation, no limits")
SCHEDULING = LeftOut("there are no nodes here")
ROLLOUT = LeftOut("new pods start together, and old ones end once those are ready")
PROBING = LeftOut("readiness is awaited at the start; after that Envoy alone judges a pod")
SCALING = LeftOut("minReplicas processes are started and nothing scales")


class Namespace(Fields):
    """A Namespace; its labels switch injection and Pod Security on."""

    metadata: Metadata


class ServiceAccount(Fields):
    """A ServiceAccount: the name in a workload's SPIFFE identity."""

    metadata: Metadata
    automount_service_account_token: Annotated[Any, ISOLATION] = None
    image_pull_secrets: Annotated[Any, ISOLATION] = None


class ServicePort(Fields):
    """A ServicePort; Istio takes the protocol from the first part of its name."""

    name: str = ""
    port: int
    target_port: int | str | None = None
    protocol: Annotated[str, only("TCP", because="HTTP runs on TCP")] = "TCP"
    app_protocol: Annotated[str, only("http", because="the services speak HTTP/1.1")] = "http"


class ServiceSpec(Fields):
    """A ServiceSpec: the pods' labels, and the ports."""

    selector: dict[str, str]
    ports: tuple[ServicePort, ...]
    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    load_balancer_ip: Annotated[
        Any, Field(alias="loadBalancerIP"), LeftOut("the ingress listens on this machine")
    ] = None


class Service(Fields):
    """A Service."""

    metadata: Metadata
    spec: ServiceSpec


class EnvVar(Fields):
    """An EnvVar with a plain value."""

    name: str
    value: str = ""


class ContainerPort(Fields):
    """A ContainerPort: where a container listens."""

    name: str = ""
    container_port: int
    protocol: Annotated[str, only("TCP", because="HTTP runs on TCP")] = "TCP"


class HttpGetAction(Fields):
    """An HTTPGetAction: a probe's request."""

    path: str
    port: int | str
    scheme: Annotated[str, only("HTTP", because="the services speak plain HTTP to themselves")] = (
        "HTTP"
    )


class Probe(Fields):
    """A Probe of readiness."""

    http_get: HttpGetAction
    initial_delay_seconds: Annotated[Any, PROBING] = None
    period_seconds: Annotated[Any, PROBING] = None
    timeout_seconds: Annotated[Any, PROBING] = None
    success_threshold: Annotated[Any, PROBING] = None
    failure_threshold: Annotated[Any, PROBING] = None


class SleepAction(Fields):
    """A SleepAction: a pause of whole seconds."""

    seconds: int


class LifecycleHandler(Fields):
    """A LifecycleHandler: what runs before a container gets SIGTERM."""

    sleep: SleepAction


class Lifecycle(Fields):
    """A Lifecycle: a container's hooks."""

    pre_stop: LifecycleHandler


class Container(Fields):
    """A Container, the only one of its pod."""

    name: str
    image: Annotated[str, LeftOut("the service runs from this checkout's source")]
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    readiness_probe: Probe | None = None
    liveness_probe: Annotated[Any, PROBING] = None
    startup_probe: Annotated[Any, PROBING] = None
    lifecycle: Lifecycle | None = None
    resources: Annotated[Any, ISOLATION] = None
    security_context: Annotated[Any, ISOLATION] = None
    image_pull_policy: Annotated[Any, ISOLATION] = None
    volume_mounts: Annotated[Any, ISOLATION] = None
    termination_message_policy: Annotated[Any, ISOLATION] = None


class PodSpec(Fields):
    """A PodSpec: the container, and the ServiceAccount."""

    containers: Annotated[tuple[Container, ...], exactly_one()]
    service_account_name: str = "default"
    automount_service_account_token: Annotated[Any, ISOLATION] = None
    enable_service_links: Annotated[Any, ISOLATION] = None
    security_context: Annotated[Any, ISOLATION] = None
    volumes: Annotated[Any, ISOLATION] = None
    image_pull_secrets: Annotated[Any, ISOLATION] = None
    termination_grace_period_seconds: int = 30
    topology_spread_constraints: Annotated[Any, SCHEDULING] = None
    affinity: Annotated[Any, SCHEDULING] = None
    node_selector: Annotated[Any, SCHEDULING] = None
    tolerations: Annotated[Any, SCHEDULING] = None
    priority_class_name: Annotated[Any, SCHEDULING] = None


class PodTemplateSpec(Fields):
    """A PodTemplateSpec: the pods of a Deployment."""

    metadata: Metadata
    spec: PodSpec


class Selector(Fields):
    """A LabelSelector of a Deployment, by labels alone."""

    match_labels: dict[str, str] = Field(default_factory=dict[str, str])


class DeploymentSpec(Fields):
    """A DeploymentSpec: pods and their number."""

    selector: Selector
    template: PodTemplateSpec
    replicas: int | None = None
    strategy: Annotated[Any, ROLLOUT] = None
    min_ready_seconds: Annotated[Any, ROLLOUT] = None
    progress_deadline_seconds: Annotated[Any, ROLLOUT] = None
    revision_history_limit: Annotated[Any, ROLLOUT] = None


class Deployment(Fields):
    """A Deployment."""

    metadata: Metadata
    spec: DeploymentSpec


class CrossVersionObjectReference(Fields):
    """A CrossVersionObjectReference: the Deployment that an autoscaler scales."""

    api_version: Literal["apps/v1"]
    kind: Literal["Deployment"]
    name: str


class HorizontalPodAutoscalerSpec(Fields):
    """A HorizontalPodAutoscalerSpec: the target, and the bounds of its pods' number."""

    scale_target_ref: CrossVersionObjectReference
    min_replicas: int = 1
    max_replicas: Annotated[int, SCALING]
    metrics: Annotated[Any, SCALING] = None
    behavior: Annotated[Any, SCALING] = None


class HorizontalPodAutoscaler(Fields):
    """A HorizontalPodAutoscaler: its minimum is the number of pods that start."""

    metadata: Metadata
    spec: HorizontalPodAutoscalerSpec
