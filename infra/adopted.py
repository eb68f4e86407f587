"""The platform of a GKE cluster that somebody else has created: looked up by its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi.runtime
import pulumi_kubernetes as kubernetes

from infra.adopted_checks import UNKNOWN, unmet, values
from infra.kubeconfig import kubeconfig
from infra.kubernetes_version import check_version
from infra.platform import USUAL_API_SERVER_RANGES, Platform
from petmesh.program.urls import without_credentials

# The function's plain result: its typed one names the same settings another way.
_GET = "gcp:container/getCluster:getCluster"


@dataclass(frozen=True)
class AdoptedArgs:
    """A cluster to look up.

    Attributes:
        project: Its Google Cloud project.
        name: Its name.
        location: Its zone or region.
        image_registry: The registry that images are pushed to; empty where none is built.
        istio: The versions of Istio that are to run in it.
    """

    project: str
    name: str
    location: str
    image_registry: str
    istio: Sequence[str]


def adopted_platform(args: AdoptedArgs) -> Platform:
    """Return the platform of a cluster that exists, with a warning for each unmet check.

    The function is asked in each run, so that no credential of the cluster is in the state.

    Raises:
        pulumi.RunError: There is no such cluster, no way to its control plane is known, or its
            Kubernetes is too old.
    """
    cluster = _read(args)
    version = str(cluster.get("masterVersion") or "")
    check_version(f"clusterName = {args.name}: its", version, args.istio, "GKE reported none")
    for line in unmet(cluster):
        pulumi.log.warn(f"clusterName = {args.name}: {line}")
    secret = pulumi.Output.secret(_kubeconfig(args, cluster))
    cluster_id = f"projects/{args.project}/locations/{args.location}/clusters/{args.name}"
    control_plane = next(values(cluster, "privateClusterConfig.masterIpv4CidrBlock"), UNKNOWN)
    return Platform(
        provider=kubernetes.Provider(
            "kubernetes", cluster_identifier=cluster_id, kubeconfig=secret
        ),
        image_registry=args.image_registry,
        ingress_address=None,
        api_server_ranges=(
            USUAL_API_SERVER_RANGES if control_plane is UNKNOWN else [str(control_plane)]
        ),
        helm_platform="gke",
        cluster_name=cluster_id,
        kubeconfig=secret,
    )


def _read(args: AdoptedArgs) -> Mapping[str, Any]:
    wanted = {"name": args.name, "location": args.location, "project": args.project}
    try:
        found = pulumi.runtime.invoke(_GET, wanted).value
    except Exception as error:
        told = without_credentials(" ".join(str(error).split()))
        raise pulumi.RunError(
            f"clusterName = {args.name}: must be a GKE cluster in {args.location} of the project "
            f"{args.project} that may be read: {told}"
        ) from error
    return cast("Mapping[str, Any]", found or {})


def _kubeconfig(args: AdoptedArgs, cluster: Mapping[str, Any]) -> str:
    """Its kubeconfig, by the DNS endpoint where that is open, else by address and CA."""
    dns = "controlPlaneEndpointsConfig.dnsEndpointConfig"
    for is_open, name in zip(
        values(cluster, f"{dns}.allowExternalTraffic"),
        values(cluster, f"{dns}.endpoint"),
        strict=False,
    ):
        if is_open is True and isinstance(name, str):
            return kubeconfig(args.name, name, None)
    address, ca = cluster.get("endpoint"), [*values(cluster, "masterAuth.clusterCaCertificate")]
    if not address or not ca or not isinstance(ca[0], str):
        raise pulumi.RunError(
            f"clusterName = {args.name}: neither a DNS endpoint that is open nor an address with "
            "its CA is known: must have one of them"
        )
    return kubeconfig(args.name, str(address), ca[0])
