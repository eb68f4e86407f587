"""Workloads of every day's work."""

from typing import Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import BUDGET, changed, container, workload
from tests.unit.guardrails.legitimate.common import AUTOSCALER, MAJORITY, QUORUM, STATED, THREE, env

LEGITIMATE: Final[dict[str, list[Resource]]] = {
    "a Deployment": [workload(), BUDGET],
    "a StatefulSet": [workload("StatefulSet"), BUDGET],
    "a DaemonSet": [workload("DaemonSet")],
    "a Job": [workload("Job", "batch")],
    "a CronJob": [workload("CronJob", "batch")],
    "a quorum": [THREE, QUORUM],
    "a majority": [THREE, MAJORITY],
    "a quorum that is scaled": [workload(), AUTOSCALER, QUORUM],
    "a quorum beside another namespace's autoscaler": [
        changed(changed(AUTOSCALER, "metadata.namespace", "shop"), "spec.minReplicas", 1),
        changed(workload(), "spec.replicas", 3),
        QUORUM,
    ],
    "resources of a pod": [workload(resources=STATED, containers=container(resources={})), BUDGET],
    "a native sidecar": [
        workload(initContainers=container(name="log", restartPolicy="Always")),
        BUDGET,
    ],
    "volumes": [
        workload(
            volumes=[
                {"name": "a", "configMap": {"name": "a"}},
                {"name": "b", "secret": {"secretName": "b"}},
                {"name": "c", "csi": {"driver": "secrets-store-gke.csi.k8s.io"}},
                {"name": "d", "persistentVolumeClaim": {"claimName": "d"}},
                {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            ]
        ),
        BUDGET,
    ],
    "placement": [
        workload(
            affinity={"podAntiAffinity": {}},
            tolerations=[{"key": "spot", "operator": "Exists"}],
            topologySpreadConstraints=[{"maxSkew": 1}],
            priorityClassName="important",
            terminationGracePeriodSeconds=30,
            imagePullSecrets=[{"name": "registry"}],
            securityContext={"fsGroup": 1000, "runAsUser": 65532, "runAsGroup": 65532},
        ),
        BUDGET,
    ],
    "names of Secrets": env({"DB_SECRET": "db-credentials", "TLS_SECRET": "pets/ingress-tls"}),
    "names of Secrets in one word": env({"IMAGE_PULL_SECRET": "regcred", "DB_SECRET": "db"}),
    "names of cookies": env({"CSRF_COOKIE": "csrftoken", "COOKIE": "sessionid"}),
    "modes of a browser's requests": env(
        {"CREDENTIALS": "include", "FETCH_CREDENTIALS": "same-origin"}
    ),
    "tools that are given their password": [
        workload(
            containers=container(
                command=["sh", "-c", "redis-cli -a $PASS ping && mysqladmin -p$(PASS) -P 3306 ping"]
            )
        ),
        BUDGET,
    ],
    "arguments that name Secrets": [
        workload(containers=container(args=["--tls-secret=ingress-tls", "--secret-name", "a-b"])),
        BUDGET,
    ],
    "tokens of a model": env({"EOS_TOKEN": "</s>", "BOS_TOKEN": "<s>", "PAD_TOKEN": "[PAD]"}),
    "limits of tokens": env({"MAX_TOKENS": "4096", "TOKEN_LIMIT": "100"}),
    "settings": env(
        {"LOG_LEVEL": "info", "PORT": "8080", "DB_HOST": "db.pets.svc", "FEATURE_KEYS": "a,b"}
    ),
    "addresses": env(
        {"API_URL": "https://api.example.com/v1?limit=1", "DB_URL": "postgres://db/pets"}
    ),
    "paths": env({"PASSWORD_FILE": "/run/password", "TOKEN_PATH": "/var/run/token", "PWD": "/app"}),
    "proxy's resources": [
        changed(
            workload(),
            "spec.template.metadata",
            {
                "labels": {"app": "tried", "sidecar.istio.io/inject": "true"},
                "annotations": {
                    "sidecar.istio.io/proxyCPU": "100m",
                    "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
                    "prometheus.io/scrape": "true",
                },
            },
        ),
        BUDGET,
    ],
}
