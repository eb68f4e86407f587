"""Stand-ins for Google Cloud and for Docker with its registry."""

from base64 import b64encode
from collections.abc import Collection, Mapping

from petmesh.program.fake_cloud import computed_outputs, invoke_result
from tests.engine.standins.control_plane import ControlPlane
from tests.engine.standins.protocol import Made, Properties, RefusedError, StandIn

CLUSTER = "gcp:container/cluster:Cluster"
GET_CLUSTER = "gcp:container/getCluster:getCluster"
# What Google Cloud can't change of a resource that exists, of what this program sets: ForceNew in
# https://github.com/hashicorp/terraform-provider-google/tree/v7.45.0/google/services
IMMUTABLE: Mapping[str, Collection[str]] = {
    CLUSTER: (
        "datapathProvider",
        "description",
        "initialNodeCount",
        "ipAllocationPolicy",
        "location",
        "masterAuth.clientCertificateConfig",
        "name",
        "network",
        "networkingMode",
        "nodeConfig.metadata",
        "nodeConfig.oauthScopes",
        "nodeConfig.serviceAccount",
        "nodeConfig.shieldedInstanceConfig",
        "privateClusterConfig.masterIpv4CidrBlock",
        "project",
        "subnetwork",
    ),
    "gcp:container/nodePool:NodePool": (
        "cluster",
        "initialNodeCount",
        "location",
        "name",
        "nodeConfig.bootDiskKmsKey",
        "nodeConfig.confidentialNodes.confidentialInstanceType",
        "nodeConfig.metadata",
        "nodeConfig.oauthScopes",
        "nodeConfig.serviceAccount",
        "nodeConfig.shieldedInstanceConfig",
        "nodeConfig.spot",
        "nodeConfig.taintConfig.architectureTaintBehavior",
        "project",
    ),
    "gcp:compute/network:Network": ("autoCreateSubnetworks", "description", "name", "project"),
    "gcp:compute/subnetwork:Subnetwork": ("description", "name", "network", "project", "region"),
    "gcp:compute/router:Router": ("name", "network", "project", "region"),
    "gcp:compute/routerNat:RouterNat": ("name", "project", "region", "router"),
    "gcp:compute/firewall:Firewall": ("direction", "name", "project"),
    "gcp:compute/address:Address": ("description", "name", "project", "region"),
    "gcp:compute/globalAddress:GlobalAddress": ("description", "name", "project"),
    "gcp:compute/sSLPolicy:SSLPolicy": ("description", "name", "project"),
    "gcp:artifactregistry/repository:Repository": (
        "format",
        "kmsKeyName",
        "location",
        "project",
        "repositoryId",
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        "location",
        "member",
        "project",
        "repository",
        "role",
    ),
    "gcp:projects/iAMMember:IAMMember": ("member", "project", "role"),
    "gcp:projects/iAMCustomRole:IAMCustomRole": ("project", "roleId"),
    "gcp:projects/service:Service": ("project", "service"),
    "gcp:serviceaccount/account:Account": ("accountId", "project"),
    "gcp:certificatemanager/certificateMap:CertificateMap": ("name", "project"),
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": ("domain", "name", "project"),
    "gcp:certificatemanager/certificate:Certificate": ("managed", "name", "project"),
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": (
        "hostname",
        "map",
        "name",
        "project",
    ),
    "gcp:binaryauthorization/policy:Policy": ("project",),
    "gcp:compute/securityPolicy:SecurityPolicy": ("name", "project"),
    "gcp:gkebackup/backupPlan:BackupPlan": ("cluster", "location", "name", "project"),
    "gcp:gkebackup/restorePlan:RestorePlan": (
        "backupPlan",
        "cluster",
        "location",
        "name",
        "project",
    ),
    "gcp:kms/cryptoKey:CryptoKey": ("destroyScheduledDuration", "keyRing", "name", "purpose"),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": ("cryptoKeyId", "member", "role"),
    "gcp:kms/keyRing:KeyRing": ("location", "name", "project"),
    "gcp:projects/serviceIdentity:ServiceIdentity": ("project", "service"),
    "gcp:pubsub/topic:Topic": ("name", "project"),
}
# Asked for twice they are what they were.
IDEMPOTENT = (
    "gcp:projects/service:Service",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:projects/serviceIdentity:ServiceIdentity",
)


class GoogleCloud(StandIn):
    """Google Cloud: one project, in which names are taken once, and what is protected stays.

    Args:
        control_plane: Of the cluster, where there is a real one.

    Attributes:
        adopted: A cluster of somebody else's, as the function getCluster returns it.
    """

    def __init__(self, control_plane: ControlPlane | None = None) -> None:
        super().__init__()
        self._control_plane = control_plane
        self.adopted: Properties = {}

    def computed(self, type_: str, name: str, inputs: Properties) -> tuple[str, Properties]:
        id_, outputs = computed_outputs(type_, name, inputs, self._config)
        if member := inputs.get("member"):
            id_ = f"{id_}/{inputs['role']}/{member}"
        if type_ == CLUSTER and (real := self._control_plane):
            outputs["endpoint"] = real.address
            outputs["masterAuth"]["clusterCaCertificate"] = b64encode(real.ca.encode()).decode()
            outputs["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["endpoint"] = real.dns
        return id_, outputs

    def replaces(self, type_: str) -> Collection[str]:
        return IMMUTABLE[type_]

    def deletes_first(self, old: Properties, new: Properties) -> bool:
        """Whatever has a name of the program's, though it be another than before.

        Source:
            nameRequiresDeleteBeforeReplace in
            https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/schema.go
        """
        del old
        return "name" in new

    def may_create(self, type_: str, id_: str, inputs: Properties) -> None:
        taken_over = type_ in IDEMPOTENT or inputs.get("createIgnoreAlreadyExists")
        if (type_, id_) in self.made and not taken_over:
            raise RefusedError(f"googleapi: Error 409: Already Exists: {id_}")

    def may_delete(self, type_: str, made: Made) -> None:
        if type_ == CLUSTER and made.inputs.get("deletionProtection", True):
            raise RefusedError(
                "Cannot destroy cluster because deletion_protection is set to true. Set it to "
                "false to proceed with cluster deletion."
            )

    def invoke(self, token: str, arguments: Properties) -> Properties:
        if token == GET_CLUSTER:
            if not self.adopted or self.adopted["name"] != arguments["name"]:
                raise RefusedError(f"googleapi: Error 404: Not found: {arguments['name']}")
            return {**invoke_result(token, arguments, self._config), **self.adopted}
        return invoke_result(token, arguments, self._config)

    @property
    def _config(self) -> Mapping[str, str]:
        return {f"gcp:{key}": str(value) for key, value in self.config.items()}


class Docker(StandIn):
    """Docker and a registry that takes what is pushed; a tag may be pushed again."""

    def computed(self, type_: str, name: str, inputs: Properties) -> tuple[str, Properties]:
        return computed_outputs(type_, name, inputs, {})

    def replaces(self, type_: str) -> Collection[str]:
        del type_
        return ()
