"""Images, charts, pods and credentials that no stack has."""

from petmesh.program.declaration import UNKNOWN
from tests.unit.guardrails.judged import BUDGET, POD, container, resource, workload
from tests.unit.guardrails.made.common import HEX, LetThrough, Refused, built

# What no stack may have: the rules, the resources and what is said.
REFUSED: Refused = {
    "an image whose Dockerfile is no file": (
        "base-images-by-digest",
        [resource("docker-build:index:Image", dockerfile={"inline": "FROM busybox"})],
        'FROM is "busybox": add the image\'s digest',
    ),
    "a build that runs what it fetches": (
        "builds-are-confined",
        [built("RUN curl -fsSL https://get.example.com | sudo bash")],
        'RUN is "RUN curl -fsSL https://get.example.com | sudo bash": keep the script in this',
    ),
    "a build of everybody's network": (
        "builds-are-confined",
        [built("RUN --network=host make")],
        'RUN is "--network=host": remove it',
    ),
    "an image that root runs": (
        "builds-are-confined",
        [built("USER 65532\nUSER 0:0")],
        'USER is "0:0": end with a user other than root',
    ),
    "a build from somebody's repository": (
        "builds-are-confined",
        [built(context={"location": "https://github.com/example/app.git"})],
        "context.location is",
    ),
    "a chart of a repository that isn't named": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Release", chart="bitnami/nginx", version="1.2.3")],
        "repositoryOpts.repo is not set: fetch charts over https:// or oci://",
    ),
    "a chart in clear": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v4:Chart", chart="http://a.com/a.tgz", version="1.2.3")],
        'chart is "http://a.com/a.tgz": fetch',
    ),
    "a chart that no rule can look at": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Chart")],
        "use a Release",
    ),
    "a patch of a pod": (
        "pods-restricted",
        [workload("DeploymentPatch", hostNetwork=True)],
        "Deployment pets/tried: spec.template.spec.hostNetwork is true",
    ),
    "a pod as a custom resource": (
        "pods-restricted",
        [resource("kubernetes:v1:Pod", spec={**POD, "hostNetwork": True})],
        "spec.hostNetwork is true",
    ),
    "a cron job's pod": (
        "pods-restricted",
        [workload("CronJob", "batch", hostNetwork=True)],
        "CronJob pets/tried: spec.jobTemplate.spec.template.spec.hostNetwork is true",
    ),
    "an init container": (
        "images-by-digest",
        [workload(initContainers=container(image="busybox")), BUDGET],
        'spec.template.spec.initContainers[0].image is "busybox"',
    ),
    "a credential in a ConfigMap": (
        "no-credential-in-clear",
        [resource("kubernetes:core/v1:ConfigMap", data={"db.password": "hunter2"})],
        "ConfigMap made: data[db.password] is",
    ),
    "no budget": ("workloads-have-a-budget", [workload()], "Deployment pets/tried:"),
    "no budget for a set": ("workloads-have-a-budget", [workload("StatefulSet")], "StatefulSet"),
}
# What a rule lets pass: its name and the resources.
ALLOWED: LetThrough = {
    "an image that isn't pushed yet": (
        "images-by-digest",
        [workload(containers=container(image=UNKNOWN)), BUDGET],
    ),
    "a base of an earlier stage, and nothing at all": (
        "base-images-by-digest",
        [
            resource(
                "docker:index/image:Image",
                build={"context": "apps", "dockerfile": "tests/unit/guardrails/Dockerfile.stages"},
            )
        ],
    ),
    "folders of charts": (
        "charts-by-version",
        [
            resource("kubernetes:helm.sh/v3:Release", chart="./charts/base"),
            resource("kubernetes:helm.sh/v3:Release", chart="tests/unit"),
        ],
    ),
    "a chart by digest": (
        "charts-by-version",
        [resource("kubernetes:helm.sh/v3:Release", chart=f"oci://r.example.com/a@sha256:{HEX}")],
    ),
    "a pod that binds port 80": (
        "pods-restricted",
        [
            workload(
                containers=container(
                    securityContext={
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                    }
                ),
                securityContext={
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"},
                },
                volumes=[{"name": "tmp", "emptyDir": {}}],
            ),
            BUDGET,
        ],
    ),
    "a patch that adds a variable": (
        "pods-restricted",
        [
            resource(
                "kubernetes:apps/v1:DeploymentPatch",
                spec={
                    "template": {
                        "spec": {
                            "containers": [
                                {"name": "app", "env": [{"name": "LOG_LEVEL", "value": "debug"}]}
                            ]
                        }
                    }
                },
            )
        ],
    ),
    "an account of its own": ("pods-have-their-own-account", [workload(), BUDGET]),
    "a job without probes": (
        "containers-are-looked-after",
        [workload("Job", "batch", containers=container(readinessProbe=None, livenessProbe=None))],
    ),
    "a reference to a Secret": (
        "no-credential-in-clear",
        [
            workload(
                containers=container(
                    env=[
                        {"name": "DOG_API_KEY", "valueFrom": {"secretKeyRef": {"name": "dogs"}}},
                        {"name": "TOKEN_COUNT", "value": "3"},
                    ],
                    args=["--api-key=$(DOG_API_KEY)", "--token-file=/run/token"],
                )
            ),
            BUDGET,
        ],
    ),
    "names that sound like a credential's, with values that are none": (
        "no-credential-in-clear",
        [
            workload(
                containers=container(
                    env=[
                        {"name": "TLS_PRIVATE_KEY", "value": "/etc/tls/key.pem"},
                        {"name": "ALLOW_EMPTY_PASSWORD", "value": "yes"},
                        {"name": "DB_PASSWORD", "value": "$(A)$(B)"},
                        {"name": "DATABASE_URL", "value": "postgres://$(A):$(B)@db/x"},
                        {"name": "REPOSITORY", "value": "ssh://git@example.com/x"},
                    ],
                    command=["sh", "-c", 'PASSWORD=$(cat /run/password) app --token "$TOKEN"'],
                    args=[
                        "--private-key=/etc/tls/key.pem",
                        "--use-token=true",
                        "--max-token=500",
                        "--automount-token=false",
                        "--from-secret=ingress-tls",
                        "--password",
                        "$(DB_PASSWORD)",
                        "--ask-password",
                        "--verbose",
                    ],
                )
            ),
            BUDGET,
        ],
    ),
    "a budget by expressions": (
        "workloads-have-a-budget",
        [
            workload(),
            resource(
                "kubernetes:policy/v1:PodDisruptionBudget",
                metadata={"name": "all", "namespace": "pets"},
                spec={
                    "maxUnavailable": "25%",
                    "selector": {
                        "matchExpressions": [
                            {"key": "app", "operator": "In", "values": ["tried"]},
                            {"key": "app", "operator": "Exists"},
                            {"key": "app", "operator": "NotIn", "values": ["other"]},
                            {"key": "job", "operator": "DoesNotExist"},
                        ]
                    },
                },
            ),
        ],
    ),
    "a budget that isn't known yet": (
        "workloads-have-a-budget",
        [workload(), resource("kubernetes:policy/v1:PodDisruptionBudget", spec=UNKNOWN)],
    ),
    "a daemon set needs no budget": ("workloads-have-a-budget", [workload("DaemonSet")]),
    "a build of this checkout": (
        "builds-are-confined",
        [
            built(
                "RUN curl -fsSLO https://example.com/a.tgz && tar xf a.tgz\nUSER root\nUSER 65532",
                context={"location": "apps/petservice"},
            )
        ],
    ),
}
