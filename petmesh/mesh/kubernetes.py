"""Kubernetes objects: the fields that the rehearsal uses, and those that it leaves out."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Whole, not_empty, only

ISOLATION = LeftOut("processes of this machine, not containers: no isolation, no limits")
SCHEDULING = LeftOut("there are no nodes here")
ROLLOUT = LeftOut("new pods start together, and old ones end once those are ready")
FILES = LeftOut("no file, Secret or ConfigMap is mounted here")
ONE_PROCESS = LeftOut("a pod is one process here: its first container's")
NETWORK = LeftOut("pods of this machine share its loopback network")
PROBING = LeftOut("readiness is awaited at the start; after that Envoy alone judges a pod")
SCALING = LeftOut("minReplicas processes are started and nothing scales")

PortNumber = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Namespace(Fields):
    """A Namespace; its labels switch injection and Pod Security on."""

    metadata: Metadata


class ServiceAccount(Fields):
    """A ServiceAccount: the name in a workload's SPIFFE identity."""

    metadata: Metadata
    automount_service_account_token: Annotated[Any, ISOLATION] = None
    image_pull_secrets: Annotated[Any, ISOLATION] = None
    secrets: Annotated[Any, FILES] = None


class ServicePort(Fields):
    """A ServicePort; Istio takes the protocol from the first part of its name."""

    name: str = ""
    port: PortNumber
    target_port: PortNumber | str | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str = ""
    node_port: Annotated[Any, NETWORK] = None


class ServiceSpec(Fields):
    """A ServiceSpec: the pods' labels, and the ports."""

    selector: dict[str, str] = Field(default_factory=dict[str, str])
    ports: tuple[ServicePort, ...] = ()
    type: Literal["ClusterIP", "LoadBalancer", "NodePort", "ExternalName"] = "ClusterIP"
    external_name: str = ""
    cluster_ip: Annotated[Any, Field(alias="clusterIP"), NETWORK] = None
    cluster_ips: Annotated[Any, Field(alias="clusterIPs"), NETWORK] = None
    external_ips: Annotated[Any, Field(alias="externalIPs"), NETWORK] = None
    external_traffic_policy: Annotated[Any, NETWORK] = None
    internal_traffic_policy: Annotated[Any, NETWORK] = None
    ip_families: Annotated[Any, NETWORK] = None
    ip_family_policy: Annotated[Any, NETWORK] = None
    load_balancer_class: Annotated[Any, NETWORK] = None
    load_balancer_source_ranges: Annotated[Any, NETWORK] = None
    publish_not_ready_addresses: Annotated[Any, NETWORK] = None
    session_affinity: Annotated[Any, NETWORK] = None
    session_affinity_config: Annotated[Any, NETWORK] = None

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Return whether pods of these labels are the Service's; without a selector none is."""
        return bool(self.selector) and self.selector.items() <= labels.items()

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
    value_from: Annotated[Any, FILES] = None


class ContainerPort(Fields):
    """A ContainerPort: where a container listens."""

    name: str = ""
    container_port: PortNumber
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_port: Annotated[Any, NETWORK] = None
    host_ip: Annotated[Any, Field(alias="hostIP"), NETWORK] = None


class HttpGetAction(Fields):
    """An HTTPGetAction: a probe's request."""

    path: str = "/"
    port: int | str
    scheme: Annotated[str, only("HTTP", because="the services speak plain HTTP to themselves")] = (
        "HTTP"
    )
    host: Annotated[Any, NETWORK] = None
    http_headers: Annotated[Any, PROBING] = None


class Probe(Fields):
    """A Probe of readiness."""

    http_get: HttpGetAction | None = None
    exec: Annotated[Any, PROBING] = None
    grpc: Annotated[Any, PROBING] = None
    tcp_socket: Annotated[Any, PROBING] = None
    termination_grace_period_seconds: Annotated[Any, PROBING] = None
    initial_delay_seconds: Annotated[Any, PROBING] = None
    period_seconds: Annotated[Any, PROBING] = None
    timeout_seconds: Annotated[Any, PROBING] = None
    success_threshold: Annotated[Any, PROBING] = None
    failure_threshold: Annotated[Any, PROBING] = None


class SleepAction(Fields):
    """A SleepAction: a pause of whole seconds."""

    seconds: Whole


class LifecycleHandler(Fields):
    """A LifecycleHandler: what runs before a container gets SIGTERM."""

    sleep: SleepAction | None = None
    exec: Annotated[Any, ONE_PROCESS] = None
    http_get: Annotated[Any, ONE_PROCESS] = None
    tcp_socket: Annotated[Any, ONE_PROCESS] = None


class Lifecycle(Fields):
    """A Lifecycle: a container's hooks."""

    pre_stop: LifecycleHandler | None = None
    post_start: Annotated[Any, ONE_PROCESS] = None
    stop_signal: Annotated[Any, ONE_PROCESS] = None


class Container(Fields):
    """A Container; the first of a pod is its process."""

    name: str
    image: Annotated[str, LeftOut("no image runs here: a local process answers in its place")] = ""
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
    termination_message_path: Annotated[Any, ISOLATION] = None
    env_from: Annotated[Any, FILES] = None
    volume_devices: Annotated[Any, FILES] = None
    working_dir: Annotated[Any, ISOLATION] = None
    restart_policy: Annotated[Any, ONE_PROCESS] = None
    resize_policy: Annotated[Any, ISOLATION] = None
    stdin: Annotated[Any, ONE_PROCESS] = None
    stdin_once: Annotated[Any, ONE_PROCESS] = None
    tty: Annotated[Any, ONE_PROCESS] = None


class PodSpec(Fields):
    """A PodSpec: the containers, and the ServiceAccount."""

    containers: Annotated[tuple[Container, ...], not_empty()]
    service_account_name: str = "default"
    service_account: str = ""
    init_containers: Annotated[Any, ONE_PROCESS] = None
    ephemeral_containers: Annotated[Any, ONE_PROCESS] = None
    share_process_namespace: Annotated[Any, ONE_PROCESS] = None
    restart_policy: Annotated[Any, ONE_PROCESS] = None
    active_deadline_seconds: Annotated[Any, ONE_PROCESS] = None
    hostname: Annotated[Any, NETWORK] = None
    subdomain: Annotated[Any, NETWORK] = None
    host_aliases: Annotated[Any, NETWORK] = None
    host_network: Annotated[Any, NETWORK] = None
    host_ipc: Annotated[Any, Field(alias="hostIPC"), ISOLATION] = None
    host_pid: Annotated[Any, Field(alias="hostPID"), ISOLATION] = None
    host_users: Annotated[Any, ISOLATION] = None
    dns_policy: Annotated[Any, NETWORK] = None
    dns_config: Annotated[Any, NETWORK] = None
    os: Annotated[Any, SCHEDULING] = None
    overhead: Annotated[Any, SCHEDULING] = None
    node_name: Annotated[Any, SCHEDULING] = None
    scheduler_name: Annotated[Any, SCHEDULING] = None
    preemption_policy: Annotated[Any, SCHEDULING] = None
    priority: Annotated[Any, SCHEDULING] = None
    runtime_class_name: Annotated[Any, SCHEDULING] = None
    readiness_gates: Annotated[Any, PROBING] = None
    automount_service_account_token: Annotated[Any, ISOLATION] = None
    enable_service_links: Annotated[Any, ISOLATION] = None
    security_context: Annotated[Any, ISOLATION] = None
    volumes: Annotated[Any, ISOLATION] = None
    image_pull_secrets: Annotated[Any, ISOLATION] = None
    termination_grace_period_seconds: Whole = 30
    topology_spread_constraints: Annotated[Any, SCHEDULING] = None
    affinity: Annotated[Any, SCHEDULING] = None
    node_selector: Annotated[Any, SCHEDULING] = None
    tolerations: Annotated[Any, SCHEDULING] = None
    priority_class_name: Annotated[Any, SCHEDULING] = None


class PodTemplateSpec(Fields):
    """A PodTemplateSpec: the pods of a Deployment."""

    metadata: Metadata
    spec: PodSpec


class LabelSelector(Fields):
    """A LabelSelector of a Deployment, by labels alone."""

    match_labels: dict[str, str] = Field(default_factory=dict[str, str])


class DeploymentSpec(Fields):
    """The spec of a Deployment, StatefulSet or DaemonSet: pods and their number."""

    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec
    replicas: Annotated[Whole, Field(ge=0)] | None = None
    paused: Annotated[Any, ROLLOUT] = None
    service_name: Annotated[Any, NETWORK] = None
    ordinals: Annotated[Any, NETWORK] = None
    pod_management_policy: Annotated[Any, ROLLOUT] = None
    update_strategy: Annotated[Any, ROLLOUT] = None
    volume_claim_templates: Annotated[Any, FILES] = None
    persistent_volume_claim_retention_policy: Annotated[Any, FILES] = None
    strategy: Annotated[Any, ROLLOUT] = None
    min_ready_seconds: Annotated[Any, ROLLOUT] = None
    progress_deadline_seconds: Annotated[Any, ROLLOUT] = None
    revision_history_limit: Annotated[Any, ROLLOUT] = None


class Deployment(Fields):
    """A Deployment, StatefulSet or DaemonSet; a DaemonSet has one pod here."""

    metadata: Metadata
    spec: DeploymentSpec


class BarePod(Fields):
    """A Pod that no other object made."""

    metadata: Metadata
    spec: PodSpec


class CrossVersionObjectReference(Fields):
    """A CrossVersionObjectReference: the Deployment that an autoscaler scales."""

    api_version: Literal["apps/v1"]
    kind: Literal["Deployment", "StatefulSet"]
    name: str


class HorizontalPodAutoscalerSpec(Fields):
    """A HorizontalPodAutoscalerSpec: the target, and the bounds of its pods' number."""

    scale_target_ref: CrossVersionObjectReference
    min_replicas: Annotated[Whole, Field(ge=0)] = 1
    max_replicas: Annotated[Whole, SCALING]
    metrics: Annotated[Any, SCALING] = None
    behavior: Annotated[Any, SCALING] = None
    target_cpu_utilization_percentage: Annotated[
        Any, Field(alias="targetCPUUtilizationPercentage"), SCALING
    ] = None


class HorizontalPodAutoscaler(Fields):
    """A HorizontalPodAutoscaler: its minimum is the number of pods that start."""

    metadata: Metadata
    spec: HorizontalPodAutoscalerSpec
