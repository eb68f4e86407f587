"""Insecure workloads: pods, marks that leave the mesh, and credentials."""

from collections.abc import Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.insecure.variants import FIRST, POD, Data, Variants, each, variants_of
from tests.unit.guardrails.judged import (
    ABSENT,
    BUDGET,
    DIGEST,
    changed,
    container,
    istio,
    resource,
    workload,
)
from tests.unit.guardrails.legitimate.common import kubernetes

_FOR_YEARS = {"path": "token", "expirationSeconds": 86_400_000}


def pods() -> Variants:
    context = f"{FIRST}.securityContext"
    fields: dict[str, tuple[Any, ...]] = {
        f"{POD}.hostNetwork": (True,),
        f"{POD}.hostPID": (True,),
        f"{POD}.hostIPC": (True,),
        f"{POD}.shareProcessNamespace": (True,),
        f"{POD}.hostAliases": ([{"ip": "192.0.2.1", "hostnames": ["istiod.istio-system.svc"]}],),
        f"{POD}.dnsConfig": ({"nameservers": ["192.0.2.1"]},),
        f"{POD}.nodeName": ("node-1",),
        f"{POD}.schedulerName": ("other",),
        f"{POD}.priorityClassName": ("system-node-critical", "system-cluster-critical"),
        f"{POD}.hostnameOverride": ("istiod",),
        f"{POD}.somethingNew": (True,),
        f"{POD}.serviceAccountName": (ABSENT, "default", ""),
        f"{POD}.securityContext.runAsUser": (0, 1337),
        f"{POD}.securityContext.runAsGroup": (1337,),
        f"{FIRST}.securityContext.runAsUser": (1337,),
        f"{POD}.automountServiceAccountToken": (ABSENT, True),
        f"{POD}.volumes": tuple(
            [{"name": "v", **volume}]
            for volume in each(
                {"hostPath": {"path": "/"}},
                {"hostPath": {"path": "/var/run/docker.sock"}},
                {"nfs": {"server": "a", "path": "/"}},
                {"gitRepo": {"repository": "https://a"}},
                {"projected": {"sources": [{"serviceAccountToken": _FOR_YEARS}]}},
                {"iscsi": {}},
                {"rbd": {}},
                {"glusterfs": {}},
                {"cephfs": {}},
                {"flexVolume": {"driver": "a"}},
                {"gcePersistentDisk": {"pdName": "a"}},
                {"awsElasticBlockStore": {"volumeID": "a"}},
                {"azureFile": {"shareName": "a"}},
                {"csi": {"driver": "hostpath.csi.k8s.io"}},
                {"image": {"reference": "a"}},
            )
        ),
        f"{POD}.securityContext": (
            {"runAsUser": 0},
            {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]},
            {"seLinuxOptions": {"type": "spc_t"}},
            {"seLinuxOptions": {"user": "root"}},
            {"appArmorProfile": {"type": "Unconfined"}},
            {"windowsOptions": {"hostProcess": True}},
            {"seccompProfile": {"type": "Unconfined"}},
            {"somethingNew": True},
        ),
        f"{context}.privileged": (True,),
        f"{context}.allowPrivilegeEscalation": (True, ABSENT),
        f"{context}.capabilities": (
            ABSENT,
            {"drop": []},
            {"drop": ["NET_RAW"]},
            *({"drop": ["ALL"], "add": [each]} for each in ("SYS_ADMIN", "NET_ADMIN", "ALL")),
            *({"drop": ["ALL"], "add": [each]} for each in ("NET_RAW", "SYS_PTRACE", "BPF")),
        ),
        f"{context}.runAsNonRoot": (False, ABSENT),
        f"{context}.runAsUser": (0,),
        f"{context}.procMount": ("Unmasked",),
        f"{context}.readOnlyRootFilesystem": (False,),
        f"{context}.seccompProfile": ({"type": "Unconfined"}, ABSENT),
        f"{context}.appArmorProfile": ({"type": "Unconfined"},),
        f"{context}.seLinuxOptions": ({"type": "spc_t"}, {"role": "sysadm_r"}),
        f"{context}.windowsOptions": ({"hostProcess": True},),
        f"{FIRST}.ports": ([{"containerPort": 80, "hostPort": 80}], [{"hostIP": "192.0.2.1"}]),
        f"{FIRST}.volumeMounts": ([{"name": "v", "mountPropagation": "Bidirectional"}],),
        f"{FIRST}.livenessProbe": (ABSENT, {"httpGet": {"host": "169.254.169.254"}}),
        f"{FIRST}.readinessProbe": (ABSENT, {"tcpSocket": {"host": "192.0.2.1"}}),
        f"{FIRST}.lifecycle": ({"preStop": {"httpGet": {"host": "192.0.2.1"}}},),
        f"{FIRST}.resources": (ABSENT, {"limits": {"memory": "1Gi"}}, {"requests": {"cpu": "1"}}),
        f"{FIRST}.image": (ABSENT, "app", "app:latest", "app:v1", f"app@sha256:{'1' * 63}"),
        f"{FIRST}.somethingNew": (True,),
    }
    yield from variants_of(workload(), fields, BUDGET)
    for kind, api in (("StatefulSet", "apps"), ("DaemonSet", "apps"), ("ReplicaSet", "apps")):
        yield f"{kind} hostPID", [workload(kind, api, hostPID=True), BUDGET]
    for kind in ("Job", "CronJob"):
        yield (
            f"{kind} privileged",
            [workload(kind, "batch", containers=container(securityContext={"privileged": True}))],
        )
    for sort in ("initContainers", "ephemeralContainers"):
        bad: Data = {
            "containers": container(),
            sort: container(securityContext={"privileged": True}),
        }
        yield f"{sort} privileged", [workload(**bad), BUDGET]
    yield "no budget", [workload()]
    yield "no budget of a set", [workload("StatefulSet")]
    for field, values in {
        "spec.maxUnavailable": (0, "0%", ABSENT),
        "metadata.namespace": ("elsewhere",),
        "spec.selector": ({"matchLabels": {"app": "other"}}, ABSENT),
    }.items():
        for value in values:
            yield f"budget {field} {value}", [workload(), changed(BUDGET, field, value)]
    for minimum in (1, "50%", "100%", 3):
        budget = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": minimum})
        yield f"budget of one pod, {minimum}", [workload(), budget]
    three = changed(workload("StatefulSet"), "spec.replicas", 3)
    for minimum in (3, "100%", "67%", 4):
        budget = changed(BUDGET, "spec", {**BUDGET.inputs["spec"], "minAvailable": minimum})
        yield f"budget of three, {minimum}", [three, budget]
    for source in ("hostPath", "nfs", "local", "iscsi", "fc", "flexVolume", "glusterfs"):
        yield (
            f"PersistentVolume {source}",
            [kubernetes("v1", "PersistentVolume", capacity={"storage": "1Gi"}, **{source: {}})],
        )
    yield "token Secret", [resource("kubernetes:core/v1:Secret", type=f"{_TOKEN}-token")]
    yield (
        "bootstrap Secret",
        [resource("kubernetes:core/v1:Secret", type="bootstrap.kubernetes.io/token")],
    )
    account = "kubernetes:core/v1:ServiceAccount"
    yield "account mounts", [resource(account, automountServiceAccountToken=True)]
    yield "account's secrets", [resource(account, secrets=[{"name": "token"}])]


_TOKEN = "kubernetes.io/service-account"


_OUT = {
    "labels": {
        "sidecar.istio.io/inject": ("false", "no"),
        "istio-injection": ("disabled",),
        "istio.io/dataplane-mode": ("none",),
        "istio.io/use-waypoint": ("none",),
        "security.istio.io/tlsMode": ("disabled",),
    },
    "annotations": {
        "sidecar.istio.io/inject": ("false",),
        "traffic.sidecar.istio.io/excludeInboundPorts": ("80", "*"),
        "traffic.sidecar.istio.io/excludeOutboundPorts": ("443",),
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": ("0.0.0.0/0",),
        "traffic.sidecar.istio.io/includeInboundPorts": ("", "80"),
        "traffic.sidecar.istio.io/includeOutboundIPRanges": ("10.0.0.0/8",),
        "traffic.sidecar.istio.io/includeOutboundPorts": ("80",),
        "traffic.sidecar.istio.io/excludeInterfaces": ("eth0",),
        "traffic.sidecar.istio.io/kubevirtInterfaces": ("net1",),
        "sidecar.istio.io/proxyImage": ("evil/proxy",),
        "sidecar.istio.io/proxyImageType": ("debug",),
        "sidecar.istio.io/userVolume": ("[]",),
        "sidecar.istio.io/userVolumeMount": ("[]",),
        "sidecar.istio.io/bootstrapOverride": ("custom",),
        "sidecar.istio.io/interceptionMode": ("NONE", "TPROXY"),
        "sidecar.istio.io/rewriteAppHTTPProbers": ("false",),
        "sidecar.istio.io/enableCoreDump": ("true",),
        "sidecar.istio.io/discoveryAddress": ("evil:15012",),
        "sidecar.istio.io/controlPlaneAuthPolicy": ("NONE",),
        "inject.istio.io/templates": ("gateway", "grpc-agent", "custom"),
        "ambient.istio.io/bypass-inbound-capture": ("true",),
        "ambient.istio.io/redirection": ("disabled",),
        "proxy.istio.io/config": (
            "image: {imageType: debug}",
            "discoveryAddress: evil:15012",
            "proxyMetadata: {ISTIO_META_TLS: none}",
            "interceptionMode: NONE",
            "[",
        ),
        "container.apparmor.security.beta.kubernetes.io/app": ("unconfined",),
        "seccomp.security.alpha.kubernetes.io/pod": ("unconfined",),
        "istio.io/somethingNew": ("true",),
    },
}


def marks() -> Variants:
    for sort, marks in _OUT.items():
        for name, values in marks.items():
            for value in values:
                pod = workload()
                metadata = {"labels": {"app": "tried"}}
                metadata[sort] = {**metadata.get(sort, {}), name: value}
                template = changed(pod, "spec.template.metadata", metadata)
                yield f"pod {sort} {name} {value}", [template, BUDGET]
    good = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
    for change in each(
        {"istio-injection": "disabled"},
        {"istio-injection": None},
        {"istio-injection": None, "istio.io/dataplane-mode": "none"},
        {"pod-security.kubernetes.io/enforce": "baseline"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"pod-security.kubernetes.io/enforce": None},
        {"istio.io/use-waypoint": "none"},
        {"pod-security.kubernetes.io/enforce-version": "v1.20"},
    ):
        labels = {key: value for key, value in {**good, **change}.items() if value}
        yield (
            f"namespace {change}",
            [resource("kubernetes:core/v1:Namespace", metadata={"name": "pets", "labels": labels})],
        )


def _release(values: Mapping[str, Any], **given: Any) -> Resource:  # noqa: ANN401 (data)
    fields: Data = {
        "chart": "app",
        "version": "1.2.3",
        "repositoryOpts": {"repo": "https://charts.example.com"},
        "values": values,
    }
    return resource("kubernetes:helm.sh/v3:Release", **{**fields, **given})


def credentials() -> Variants:
    jwt = f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20}"
    for name, value in (
        *((name, "hunter2") for name in ("clientSecret", "authToken", "SIGNING_KEY", "DB_PASS")),
        *((name, "hunter2") for name in ("DB_PASSWORD", "PGPASSWORD", "SECRET", "TOKEN", "db_pwd")),
        *((name, "hunter2") for name in ("API_KEY", "apiKey", "ENCRYPTION_KEY", "JWT_SECRET")),
        *((name, "hunter2") for name in ("SESSION_SECRET", "DB_SECRET", "CREDENTIALS", "passwd")),
        *((name, "abc-def") for name in ("CLIENT_SECRET", "APP_SECRET", "WEBHOOK_SECRET")),
        *((name, "hunter2") for name in ("ACCOUNT_KEY", "HMAC_KEY", "PASSWORD_B64", "SSH_KEY")),
        ("KEY", "-----BEGIN PRIVATE KEY-----\nMIIE"),
        ("CERT", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("ACCOUNT", '{"type": "service_account", "private_key": "a"}'),
        ("AWS", "AKIAIOSFODNN7EXAMPLE"),
        ("GIT", f"ghp_{'a' * 36}"),
        ("SLACK", "xoxb-1234567890-abcdef"),
        ("MAPS", f"AIza{'a' * 35}"),
        ("STRIPE", f"sk_live_{'a' * 24}"),
        ("JWT", jwt),
        ("DATABASE_URL", "postgres://u:hunter2@db/x"),
        ("DSN", "Server=db;User=a;Password=hunter2"),
        ("CALLBACK", "https://a.com/?token=hunter2"),
    ):
        env = container(env=[{"name": name, "value": value}])
        yield f"env {name} {value}", [workload(containers=env), BUDGET]
        yield (
            f"ConfigMap {name} {value}",
            [resource("kubernetes:core/v1:ConfigMap", data={"app.env": f"A=b\n{name}={value}\n"})],
        )
        yield f"values {name} {value}", [_release({"app": {name: value}})]
    for field, key, value in (
        ("data", ".pgpass", "db:5432:app:app:hunter2"),
        ("data", "id_ed25519", "AAAA"),
        ("data", "config.json", '{"auths": {"r.example.com": {"auth": "dTpodW50ZXIy"}}}'),
        ("data", "jwks", '{"keys": [{"kty": "oct", "k": "aHVudGVyMg"}]}'),
        ("data", "url", "https://hooks.slack.com/services/T0/B0/X"),
        ("binaryData", "a", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"),
    ):
        config = resource("kubernetes:core/v1:ConfigMap")
        yield f"file {key}", [changed(config, field, {key: value})]
    for words in (
        ["app", "--password=hunter2"],
        ["app", "--password", "hunter2"],
        ["sh", "-c", "TOKEN=hunter2 app"],
        ["app", "https://u:hunter2@a.com"],
        ["curl", "-H", "Authorization: Bearer hunter2"],
        ["curl", "-H", "X-Api-Key: hunter2"],
    ):
        yield f"args {words}", [workload(containers=container(args=words)), BUDGET]
        for probe in ("livenessProbe", "readinessProbe"):
            given = container(**{probe: {"exec": {"command": words}}})
            yield f"{probe} {words}", [workload(containers=given), BUDGET]
        for hook in ("preStop", "postStart"):
            given = container(lifecycle={hook: {"exec": {"command": words}}})
            yield f"{hook} {words}", [workload(containers=given), BUDGET]
    for name, value in (("Authorization", "Basic dTpodW50ZXIy"), ("X-Api-Key", "hunter2")):
        probe = {"httpGet": {"path": "/", "httpHeaders": [{"name": name, "value": value}]}}
        yield f"probe's {name}", [workload(containers=container(livenessProbe=probe)), BUDGET]
        headers = {"request": {"set": {name: value}}}
        http = [{"headers": headers, "route": [{"destination": {"host": "a"}}]}]
        yield f"route's {name}", [istio("VirtualService", "networking", http=http)]
    for cookie in ("session=hunter2", "a=%REQ(x-a)%hunter2", "a=%REQ(x-a)%; token=hunter2"):
        headers = {"response": {"add": {"set-cookie": cookie}}}
        http = [{"headers": headers, "route": [{"destination": {"host": "a"}}]}]
        yield f"route's cookie {cookie}", [istio("VirtualService", "networking", http=http)]
    build = {"dockerfile": "apps/petservice/Dockerfile", "context": "apps"}
    for name in ("NPM_TOKEN", "PASSWORD"):
        given = {**build, "args": {"BASE_IMAGE": DIGEST, name: "hunter2"}}
        yield f"build's {name}", [resource("docker:index/image:Image", build=given)]
    yield (
        "a provider's key",
        [resource("pulumi:providers:gcp", credentials='{"private_key": "-----BEGIN"}')],
    )
