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
    """A namespace; its labels switch injection and pod security."""

    metadata: Metadata


class ServiceAccount(Fields):
    """A service account: the name in a workload's SPIFFE identity."""

    metadata: Metadata
    automount_service_account_token: Annotated[Any, ISOLATION] = None
    image_pull_secrets: Annotated[Any, ISOLATION] = None


class ServicePort(Fields):
    """A port of a service; Istio takes the protocol from the name's first part."""

    name: str = ""
    port: int
    target_port: int | str | None = None
    protocol: Annotated[str, only("TCP", because="HTTP runs on TCP")] = "TCP"
    app_protocol: Annotated[str, only("http", because="the services speak HTTP/1.1")] = "http"


class ServiceSpec(Fields):
    """Which pods a service's ports lead to."""

    selector: dict[str, str]
    ports: tuple[ServicePort, ...]
    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    load_balancer_ip: Annotated[
        Any, Field(alias="loadBalancerIP"), LeftOut("the ingress is asked on this machine")
    ] = None


class Service(Fields):
    """A service."""

    metadata: Metadata
    spec: ServiceSpec


class EnvVar(Fields):
    """An environment variable with a plain value."""

    name: str
    value: str = ""


class ContainerPort(Fields):
    """A port that the container listens on."""

    name: str = ""
    container_port: int
    protocol: Annotated[str, only("TCP", because="HTTP runs on TCP")] = "TCP"


class HttpGet(Fields):
    """A probe's request."""

    path: str
    port: int | str
    scheme: Annotated[str, only("HTTP", because="the services speak plain HTTP to themselves")] = (
        "HTTP"
    )


class Probe(Fields):
    """A readiness probe."""

    http_get: HttpGet
    initial_delay_seconds: Annotated[Any, PROBING] = None
    period_seconds: Annotated[Any, PROBING] = None
    timeout_seconds: Annotated[Any, PROBING] = None
    success_threshold: Annotated[Any, PROBING] = None
    failure_threshold: Annotated[Any, PROBING] = None


class Sleep(Fields):
    """A pause of whole seconds."""

    seconds: int


class Handler(Fields):
    """What is done before a container is told to stop."""

    sleep: Sleep


class Lifecycle(Fields):
    """A container's hooks."""

    pre_stop: Handler


class Container(Fields):
    """The container of a pod."""

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
    """A pod's containers and identity."""

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


class PodTemplate(Fields):
    """The pods of a deployment."""

    metadata: Metadata
    spec: PodSpec


class Selector(Fields):
    """A selector of pods by labels."""

    match_labels: dict[str, str] = Field(default_factory=dict[str, str])


class DeploymentSpec(Fields):
    """A deployment's pods."""

    selector: Selector
    template: PodTemplate
    replicas: int | None = None
    strategy: Annotated[Any, ROLLOUT] = None
    min_ready_seconds: Annotated[Any, ROLLOUT] = None
    progress_deadline_seconds: Annotated[Any, ROLLOUT] = None
    revision_history_limit: Annotated[Any, ROLLOUT] = None


class Deployment(Fields):
    """A deployment."""

    metadata: Metadata
    spec: DeploymentSpec


class ScaleTarget(Fields):
    """What an autoscaler scales."""

    api_version: Literal["apps/v1"]
    kind: Literal["Deployment"]
    name: str


class AutoscalerSpec(Fields):
    """How far an autoscaler scales."""

    scale_target_ref: ScaleTarget
    min_replicas: int = 1
    max_replicas: Annotated[int, SCALING]
    metrics: Annotated[Any, SCALING] = None
    behavior: Annotated[Any, SCALING] = None


class HorizontalPodAutoscaler(Fields):
    """An autoscaler: its minimum is the number of pods that start."""

    metadata: Metadata
    spec: AutoscalerSpec
