"""One stack of petmesh: a cluster, the mesh, three services, and who gets which requests."""

from collections.abc import Mapping, Sequence

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, VERSIONS, Service, callers
from apps.service import MeshService, MeshServiceArgs
from infra.load_balancer import PROXIES, SOURCES, LoadBalancer, LoadBalancerArgs
from infra.platform import GkePlatform, GkePlatformArgs, existing_platform
from istio.certificate import IssuedCertificate, IssuedCertificateArgs
from istio.charts import Charts
from istio.egress import ExternalHost, ExternalHostArgs
from istio.egress_gateway import (
    EGRESS_HOST,
    EGRESS_NAMESPACE,
    EGRESS_PORT,
    TO_EGRESS_GATEWAY,
    EgressGateway,
    EgressGatewayArgs,
    EgressRoute,
    EgressRouteArgs,
)
from istio.ingress import PublicRoute, PublicRouteArgs
from istio.install import (
    HTTP_PORT,
    INGRESS,
    INGRESS_GATEWAY,
    INGRESS_HEALTH,
    INGRESS_NAMESPACE,
    INGRESS_SELECTOR,
    IstioMesh,
    IstioMeshArgs,
)
from istio.namespace import MeshNamespace, MeshNamespaceArgs
from istio.network import PUBLIC_TLS, NoOtherPaths, Path
from istio.rate_limit import RateLimit, RateLimitArgs
from istio.routing import CALLER_DEADLINE_SECONDS, WeightedRoute, WeightedRouteArgs
from istio.security import Caller, NothingElse, PublicMethods, PublicMethodsArgs
from observability.scrapers import scrapers
from observability.stack import NAMESPACE as OBSERVABILITY
from observability.stack import Observability, ObservabilityArgs
from observability.tracing import OTLP_PORTS, collector_host, service_environment
from settings import known_versions, load

settings = load(VERSIONS)

# The platform: a new GKE cluster, or a cluster that exists.
if settings.platform == "gke":
    platform = GkePlatform(
        "platform",
        GkePlatformArgs(
            project=settings.google_project,
            cluster_name=settings.cluster_name,
            location=settings.location,
            region=settings.region,
            deployers=settings.deployers,
            authorized_networks=settings.authorized_networks,
            machine_type=settings.machine_type,
            min_nodes=settings.min_nodes,
            max_nodes=settings.max_nodes,
            deletion_protection=settings.deletion_protection,
            load_balancer=settings.google_balanced,
        ),
    ).platform
else:
    platform = existing_platform(
        settings.kube_context, settings.image_registry, settings.istio_platform
    )
in_cluster = pulumi.ResourceOptions(provider=platform.provider)
collector = collector_host(OBSERVABILITY) if settings.tracing == "jaeger" else ""
to_collector = [Path(OTLP_PORTS, OBSERVABILITY)] if collector else []
scraping, scraping_istiod = scrapers(settings.metrics, OBSERVABILITY)
charts = Charts(settings.istio_version, settings.istio_charts)
egress_namespaces = [EGRESS_NAMESPACE] if settings.egress_gateway else []
asking = Caller(settings.namespace, PETSERVICE.name, {"app": PETSERVICE.name})

# The mesh, closed towards the outside.
mesh = IstioMesh(
    "istio",
    IstioMeshArgs(
        charts=charts,
        platform=platform.helm_platform,
        ingress_service_type=settings.ingress_service_type,
        ingress_https=bool(settings.gateway_secret),
        ingress_proxies=PROXIES if settings.google_balanced else 0,
        min_replicas=settings.min_replicas,
        max_replicas=settings.max_replicas,
        proxies=[settings.namespace, *egress_namespaces],
        ingress_sources=SOURCES if settings.google_balanced else (),
        ingress_called=[
            Path([PETSERVICE.port], settings.namespace, {"app": PETSERVICE.name}),
            *to_collector,
        ],
        scrapers=scraping,
        istiod_scrapers=scraping_istiod,
        trace_collector=collector,
    ),
    in_cluster,
)
pets = MeshNamespace("pets", MeshNamespaceArgs(settings.namespace, [mesh.ready]), in_cluster)
egress = None
if settings.egress_gateway:
    egress = EgressGateway(
        "egress",
        EgressGatewayArgs(
            charts=charts,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            callers=[
                *(
                    [Path([EGRESS_PORT], asking.namespace, asking.labels)]
                    if settings.dog_api_enabled
                    else []
                ),
                *scraping,
            ],
            called=[*([PUBLIC_TLS] if settings.dog_api_enabled else []), *to_collector],
            needs=[mesh.ready],
        ),
        in_cluster,
    )

way_out = TO_EGRESS_GATEWAY if egress else PUBLIC_TLS

# What is seen of it.
observability = Observability(
    "observability",
    ObservabilityArgs(
        metrics=settings.metrics,
        grafana=settings.grafana,
        kiali=settings.kiali,
        tracing=settings.tracing,
        sampling_percent=settings.tracing_sampling_percent,
        access_logs=settings.access_logs,
        services=settings.namespace,
        gateways=[INGRESS_NAMESPACE, *egress_namespaces],
        needs=[mesh.ready, *pets.ready, *([egress.namespace] if egress else [])],
    ),
    in_cluster,
)


# The services: every version that runs, each called by those alone that need it.
def deploy(
    service: Service,
    *,
    running: Sequence[str] = (),
    subsets: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    outside: Sequence[str] = (),
) -> MeshService:
    """One service: all that this checkout builds of it, unless other versions are named."""
    traces: Mapping[str, str] = {}
    if collector:
        traces = service_environment(collector, service.name, settings.namespace)
    return MeshService(
        service.name,
        MeshServiceArgs(
            service=service,
            namespace=settings.namespace,
            running=running or service.versions,
            subsets=subsets or service.versions,
            callers=[
                Caller(settings.namespace, each.name, {"app": each.name})
                for each in callers(service)
            ]
            or [INGRESS],
            registry=platform.image_registry,
            image_platform=settings.image_platform,
            given_images=settings.given_images,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            needs=[mesh.ready, *pets.ready],
            environment={**(environment or {}), **traces},
            reached=[*outside, *([f"{OBSERVABILITY}/{collector}"] if collector else [])],
            reached_paths=[*([way_out] if outside else []), *to_collector],
            scrapers=scraping,
        ),
        in_cluster,
    )


details = deploy(
    PETDETAILS,
    running=settings.live_versions,
    subsets=known_versions(settings, VERSIONS),
)
history = deploy(PETMEDICALHISTORY)
outside: list[str] = []
if settings.dog_api_enabled:
    outside.append(f"./{settings.dog_api_host}")
    if egress:
        outside.append(f"{EGRESS_NAMESPACE}/{EGRESS_HOST}")
petservice = deploy(
    PETSERVICE,
    environment={
        "PETDETAILS_URL": f"http://{PETDETAILS.name}:{PETDETAILS.port}",
        "PETMEDICALHISTORY_URL": f"http://{PETMEDICALHISTORY.name}:{PETMEDICALHISTORY.port}",
        "UPSTREAM_TIMEOUT_SECONDS": CALLER_DEADLINE_SECONDS,
        "DOG_API_URL": f"http://{settings.dog_api_host}{settings.dog_api_path}",
    },
    outside=outside,
)
no_other_paths = NoOtherPaths(
    "pets-default-deny",
    settings.namespace,
    [details.paths, history.paths, petservice.paths],
    in_cluster,
)
nothing_else = NothingElse(
    "pets-allow-nothing",
    settings.namespace,
    [details.policy, history.policy, petservice.policy],
    in_cluster,
)

# The routes: the canary's weight, what is public, and what is reached outside.
canary = WeightedRoute(
    PETDETAILS.name,
    WeightedRouteArgs(
        service=PETDETAILS.name,
        namespace=settings.namespace,
        host=details.host,
        stable=settings.stable_version,
        canary=settings.canary_version,
        canary_weight=settings.canary_weight,
        canary_mirror_percent=settings.canary_mirror_percent,
        needs=details.ready,
    ),
    in_cluster,
)
WeightedRoute(
    PETMEDICALHISTORY.name,
    WeightedRouteArgs(
        service=PETMEDICALHISTORY.name,
        namespace=settings.namespace,
        host=history.host,
        stable=PETMEDICALHISTORY.versions[0],
        needs=history.ready,
    ),
    in_cluster,
)
public_methods = PublicMethods(
    "ingress-methods",
    PublicMethodsArgs(
        gateway=INGRESS_GATEWAY,
        namespace=INGRESS_NAMESPACE,
        selector=INGRESS_SELECTOR,
        methods=PETSERVICE.methods,
        needs=[mesh.ingress_ready],
    ),
    in_cluster,
)
ingress_only = NothingElse(
    "ingress-allow-nothing", INGRESS_NAMESPACE, [public_methods.policy], in_cluster
)
guards: list[pulumi.Resource] = [
    no_other_paths.policy,
    nothing_else.policy,
    ingress_only.policy,
]
if settings.ingress_tls == "certManager":
    certificate = IssuedCertificate(
        "ingress",
        IssuedCertificateArgs(
            hosts=settings.ingress_hosts,
            issuer=settings.ingress_issuer,
            secret=settings.gateway_secret,
            needs=[mesh.ingress_ready],
        ),
        in_cluster,
    )
    guards.append(certificate.ready)
if settings.ingress_requests_per_second:
    limit = RateLimit(
        "rate-limit",
        RateLimitArgs(settings.ingress_requests_per_second, [mesh.ingress_ready]),
        in_cluster,
    )
    guards.append(limit.ready)
public = PublicRoute(
    "petmesh",
    PublicRouteArgs(
        hosts=settings.ingress_hosts,
        prefix="/pet/",
        host=petservice.host,
        port=PETSERVICE.port,
        https=settings.ingress_tls != "none",
        tls_secret=settings.gateway_secret,
        forwarded=bool(mesh.port_forward) and not settings.google_balanced,
        needs=[mesh.ingress_ready, *petservice.ready, *guards],
    ),
    in_cluster,
)
balancer = None
if settings.google_balanced:
    health_port, health_path = INGRESS_HEALTH
    balancer = LoadBalancer(
        "edge",
        LoadBalancerArgs(
            name=settings.cluster_name,
            hosts=settings.ingress_hosts,
            namespace=INGRESS_NAMESPACE,
            service=INGRESS_GATEWAY,
            port=HTTP_PORT,
            health_port=health_port,
            health_path=health_path,
            deletion_protection=settings.deletion_protection,
            needs=[mesh.ingress_ready],
        ),
        in_cluster,
    )
let_through: list[pulumi.Resource] = [egress.ready] if egress else []
if settings.dog_api_enabled:
    ready = [*pets.ready]
    if egress:
        through_gateway = EgressRoute(
            "dog-api-egress",
            EgressRouteArgs(
                host=settings.dog_api_host,
                caller=asking,
                methods=["GET"],
                needs=[*ready, petservice.paths, egress.ready],
            ),
            in_cluster,
        )
        let_through.append(through_gateway.policy)
        ready.append(through_gateway.route)
    ExternalHost(
        "dog-api",
        ExternalHostArgs(settings.dog_api_host, settings.namespace, ready),
        in_cluster,
    )
if egress:
    NothingElse("egress-allow-nothing", EGRESS_NAMESPACE, let_through, in_cluster)

pulumi.export("url", public.url)
pulumi.export("ingressAddress", balancer.address if balancer else mesh.ingress_address)
pulumi.export("dnsRecords", balancer.dns_records if balancer else None)
pulumi.export("portForward", mesh.port_forward)
pulumi.export("clusterName", platform.cluster_name)
pulumi.export("kubeconfig", platform.kubeconfig)
pulumi.export(
    "images",
    {
        PETSERVICE.name: petservice.images,
        PETDETAILS.name: details.images,
        PETMEDICALHISTORY.name: history.images,
    },
)
pulumi.export("weights", canary.weights)
pulumi.export("observability", observability.port_forwards)
