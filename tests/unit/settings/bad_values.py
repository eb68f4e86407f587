"""Values that are refused, each by itself, and what the refusal says is allowed."""

import json

from tests.unit.settings.bad_gke_values import GKE_REFUSED

WEIGHT = "a whole number from 0 to 100"
MEMBERS = "a list of members: user:, group: or serviceAccount: and an email address"
RANGES = "a list of IPv4 CIDR ranges such as 203.0.113.0/24, not the whole internet"
SERVER_RANGES = "a list of IPv4 CIDR ranges such as 172.16.0.0/28, not the whole internet"
IMAGES = "a list of service/version=reference, each reference with a digest or a tag"
CHARTS = "an https:// or oci:// address or a folder with base, cni, istiod, gateway"
NAMESPACE = "not default, istio-system, istio-ingress, istio-egress, observability or kube-*"
CLUSTER_NAME = "2 to 24 of a-z, 0-9 and -, a letter first and no - last, not default"
LOCATION = "a zone such as us-central1-a or a region such as us-central1"
HOST = "a public DNS name such as api.thedogapi.com"
PATH = "a path that starts with /"
VERSION = "a version of canaryService such as v1"
REGISTRY = "a registry without scheme or tag, such as localhost:5001"
ISTIO = "a release of Istio from 1.25 on, such as 1.31.1"
TLS = "none, secret, certManager or googleManaged"
HOSTS = "a list of 1 to 16 different DNS names such as pets.example.com"

COOKIE = "a cookie's name of 1 to 64 letters, digits, - and _, or empty for none"
ATTRIBUTES = "a list of Path=/, Domain=example.com, HttpOnly, Secure, SameSite=Lax"

KEEP = "nextRelease, or a time such as 30m, 24h or 7d, or empty for not at all"
UNTIL = "a time in UTC such as 2026-11-27T18:00:00Z, or empty for the next promotion"

REFUSED = [
    ("owner", "team", "all, platform or application"),
    ("owner", "", "all, platform or application"),
    ("platformStack", "platform", "a stack's full name, ORGANIZATION/PROJECT/STACK"),
    ("platformStack", "a/b/c/d", "a stack's full name, ORGANIZATION/PROJECT/STACK"),
    ("applications", "[]", "a map of namespaces to a map of team and hosts"),
    ("applications", "shop", "a map of namespaces to a map of team and hosts"),
    *GKE_REFUSED,
    *(
        ("canaryWeight", value, WEIGHT)
        for value in (
            "25.5",
            "abc",
            "-5",
            "101",
            "true",
            "",
            " 25",
            "25%",
            "+5",
            "1e1",
            "0x10",
            "null",
            "٢٥",
            "99999999999999999999",
        )
    ),
    ("canaryWeight", "-0", WEIGHT),
    *(
        ("userCookie", value, COOKIE)
        for value in ("a b", "a=b", "a;b", "%REQ(:PATH)%", "é", "a" * 65)
    ),
    *(
        ("userCookieDays", value, "a whole number from 0 to 400")
        for value in ("401", "-1", "1.5", "")
    ),
    *(
        ("userCookieAttributes", value, ATTRIBUTES)
        for value in (
            "HttpOnly",
            '["httponly"]',
            '["Max-Age=5"]',
            '["Path=pet"]',
            '["Path=/; Secure"]',
            '["Path=/%x"]',
            '["SameSite=lax"]',
            '["Domain=.example.com"]',
            '["Secure", "Secure"]',
            '["SameSite=Lax", "SameSite=None"]',
            "[5]",
        )
    ),
    *(
        ("keepPrevious", value, KEEP)
        for value in ("true", "nextrelease", "24", "24 h", "0h", "1.5h", "-1h", "24s", "99999h")
    ),
    ("previousVersion", "V1", "a version of canaryService such as v1, or empty for none"),
    *(
        ("previousUntil", value, UNTIL)
        for value in (
            "24h",
            "2026-11-27",
            "2026-11-27T18:00:00",
            "2026-11-27T18:00:00+01:00",
            "2026-02-30T18:00:00Z",
            "tomorrow",
        )
    ),
    ("metrics", "Prometheus", "none, prometheus or managed"),
    ("metrics", "", "none, prometheus or managed"),
    ("grafana", "yes", "true or false"),
    ("kiali", "1", "true or false"),
    ("tracing", "zipkin", "none or jaeger"),
    ("tracingSamplingPercent", "101", "a whole number from 0 to 100"),
    ("tracingSamplingPercent", "0.5", "a whole number from 0 to 100"),
    ("accessLogs", "none", "all, errors or off"),
    ("namespace", "observability", NAMESPACE),
    ("canaryWeight", "007", WEIGHT),
    ("imagePlatform", "windows/amd64", "linux/amd64 or linux/arm64"),
    ("authorizedNetworks", '["2001:db8::/32"]', RANGES),
    ("authorizedNetworks", '["203.0.113.7"]', RANGES),
    ("authorizedNetworks", '["0.0.0.0/1", "128.0.0.0/1"]', RANGES),
    ("authorizedNetworks", "[" * 100_000, RANGES),
    ("istioPlatform", "eks", "k3d, k3s, microk8s or minikube, or empty for any other cluster"),
    ("kubeContext", "a b", "the name of a kube context"),
    ("imageRegistry", "-", REGISTRY),
    ("imageRegistry", "a..b", REGISTRY),
    ("imageRegistry", "localhost:0", REGISTRY),
    ("imageRegistry", "localhost:999999", REGISTRY),
    ("authorizedNetworks", '["203.0.113.0/255.255.255.0"]', RANGES),
    ("deployers", r'["user:eve\u202e@example.com"]', MEMBERS),
    ("istioCharts", "https://user:password@charts.example.com", CHARTS),
    ("istioVersion", "1.12.0", ISTIO),
    ("istioUpgrades", "byrevision", "inPlace or byRevision"),
    ("istioCanaryVersion", "1.24.0", ISTIO),
    ("istioCanaryNamespaces", '["pets", "pets"]', "a list of different namespaces"),
    ("istioCanaryNamespaces", '["Pets"]', "a list of different namespaces"),
    # Its istiod chart takes no seccomp profile where ours is given; 1.24's knows no platform gke.
    ("istioVersion", "1.23.6", ISTIO),
    ("istioVersion", "1.24.0", ISTIO),
    ("dogApiHost", "petservice.pets.svc", HOST),
    ("dogApiPath", "/%zz", PATH),
    ("releases", "5", "a map of services to a map of stableVersion, canaryVersion, canaryWeight"),
    ("releaseGroups", "[]", "a map of names such as checkout to lists of services"),
    ("releaseGroups", '{"Pets": ["petservice"]}', "a map of names such as checkout to lists"),
    ("canaryService", "Pet_Service", "the name of a service, which is its folder's in apps/"),
    ("canaryVersion", "V2", "a version of canaryService such as v2, or empty"),
    ("deployers", '["bob", "eve"]', MEMBERS),
    ("platform", "aws", "gke, existingGke or existing"),
    ("platform", "", "gke, existingGke or existing"),
    ("platform", "GKE", "gke, existingGke or existing"),
    ("clusterName", "", CLUSTER_NAME),
    ("clusterName", "Petmesh", CLUSTER_NAME),
    ("clusterName", "1st", CLUSTER_NAME),
    ("clusterName", "petmesh-", CLUSTER_NAME),
    ("clusterName", "a" * 25, CLUSTER_NAME),
    ("clusterName", "a", CLUSTER_NAME),
    ("clusterName", "default", CLUSTER_NAME),
    ("location", "us-central", LOCATION),
    ("location", "us-central1-", LOCATION),
    ("location", "us-central1-abc", LOCATION),
    ("location", "", LOCATION),
    ("deployers", "group:platform@example.com", MEMBERS),
    ("deployers", '["alice@example.com"]', MEMBERS),
    ("deployers", '["user:alice"]', MEMBERS),
    ("deployers", '["allUsers"]', MEMBERS),
    ("deployers", '["allAuthenticatedUsers"]', MEMBERS),
    ("deployers", "[1]", MEMBERS),
    ("deployers", "null", MEMBERS),
    ("authorizedNetworks", "203.0.113.0/24", RANGES),
    ("authorizedNetworks", '["0.0.0.0/0"]', RANGES),
    ("authorizedNetworks", '["::/0"]', RANGES),
    ("authorizedNetworks", '["203.0.113.1/24"]', RANGES),
    ("authorizedNetworks", '["203.0.113.0/33"]', RANGES),
    ("authorizedNetworks", '["office"]', RANGES),
    ("authorizedNetworks", "[3405803776]", RANGES),
    ("apiServerRanges", '["0.0.0.0/0"]', SERVER_RANGES),
    ("apiServerRanges", '["172.16.0.1/28"]', SERVER_RANGES),
    ("machineType", "big", "a Compute Engine machine type such as e2-standard-4"),
    ("machineType", "", "a Compute Engine machine type such as e2-standard-4"),
    *(
        ("machineType", value, "without GPU or TPU, of the series c2, c2d, c3, c3d, c4, c4a, c4d")
        for value in (
            *("a2-highgpu-1g", "a3-highgpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g"),
            *("a4x-highgpu-4g", "g2-standard-4", "g4-standard-48", "ct4p-hightpu-4t"),
            *("ct5l-hightpu-1t", "ct5lp-hightpu-4t", "ct5p-hightpu-4t", "ct6e-standard-4t"),
            *("tpu7x-standard-4t", "x4-megamem-960-metal", "n9-standard-4", "e2"),
        )
    ),
    ("minNodes", "0", "a whole number from 1 to 100"),
    ("minNodes", "1.0", "a whole number from 1 to 100"),
    ("maxNodes", "101", "a whole number from minNodes to 100"),
    ("maxNodes", "many", "a whole number from minNodes to 100"),
    ("deletionProtection", "yes", "true or false"),
    ("deletionProtection", "1", "true or false"),
    ("deletionProtection", "", "true or false"),
    ("imageRegistry", "https://localhost:5001", REGISTRY),
    ("imageRegistry", "localhost:5001/pets:v1", REGISTRY),
    ("imageRegistry", "localhost:5001/", REGISTRY),
    ("images", "petservice/v1=registry.example.com/pets:v1", IMAGES),
    ("images", '["petservice/v1"]', IMAGES),
    ("images", '["petservice=registry.example.com/pets:v1"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets:latest"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets@sha256:abc"]', IMAGES),
    ("images", '["petservice/v1=https://registry.example.com/pets:v1"]', IMAGES),
    ("istioVersion", "latest", ISTIO),
    ("istioVersion", "1.31", ISTIO),
    ("istioVersion", "v1.31.1", ISTIO),
    ("istioVersion", "", ISTIO),
    ("istioCharts", "http://charts.example.com", CHARTS),
    ("istioCharts", "oci://", CHARTS),
    ("istioCharts", "no-such-folder", CHARTS),
    ("istioCharts", "", CHARTS),
    ("ingressServiceType", "NodePort", "LoadBalancer or ClusterIP"),
    ("ingressServiceType", "clusterip", "LoadBalancer or ClusterIP"),
    *(
        ("ingressHosts", value, HOSTS)
        for value in (
            "[]",
            "null",
            "pets.example.com",
            "[1]",
            '["*"]',
            '["*.example.com"]',
            '["pets"]',
            '["localhost"]',
            '["203.0.113.80"]',
            '["[2001:db8::1]"]',
            '["pets.example.123"]',
            '["pets.example.com."]',
            '["pets.example.com:443"]',
            '["https://pets.example.com"]',
            '["Pets.example.com"]',
            '["pets_.example.com"]',
            '["-pets.example.com"]',
            '["pets/pets.example.com"]',
            '["a.example.com", "a.example.com"]',
            json.dumps(["a" * 64 + ".com"]),
            json.dumps([".".join(["a" * 60] * 5) + ".com"]),
            json.dumps([f"pets{number}.example.com" for number in range(17)]),
        )
    ),
    *(("ingressTls", value, TLS) for value in ("", "true", "Secret", "letsencrypt")),
    *(
        ("ingressTlsSecret", value, "the name of a Secret")
        for value in ("", "my_tls", "My-tls", "-tls", "ingress/tls", "t" * 254)
    ),
    *(
        ("ingressIssuer", value, "the name of a ClusterIssuer")
        for value in ("letsencrypt/prod", "Corporate", "i" * 254)
    ),
    *(
        ("ingressRequestsPerSecond", value, "a whole number from 0 to 100000")
        for value in ("-1", "100001", "0.5", "none", "")
    ),
    *(
        ("ingressConnections", value, "a whole number from 1 to 100000")
        for value in ("0", "-1", "100001", "1e3", "")
    ),
    ("namespace", "default", NAMESPACE),
    ("namespace", "istio-system", NAMESPACE),
    ("namespace", "kube-system", NAMESPACE),
    ("namespace", "Pets", NAMESPACE),
    ("namespace", "my.pets", NAMESPACE),
    ("namespace", "p" * 64, NAMESPACE),
    ("namespace", "", NAMESPACE),
    ("minReplicas", "0", "a whole number from 1 to 20"),
    ("minReplicas", "21", "a whole number from 1 to 20"),
    ("maxReplicas", "0", "a whole number from minReplicas to 100"),
    ("maxReplicas", "101", "a whole number from minReplicas to 100"),
    ("stableVersion", "", VERSION),
    ("stableVersion", "V1", VERSION),
    ("dogApiEnabled", "yes", "true or false"),
    ("dogApiEnabled", "True", "true or false"),
    ("dogApiEnabled", "", "true or false"),
    ("egressGateway", "yes", "true or false"),
    ("egressGateway", "", "true or false"),
    ("namespace", "istio-egress", NAMESPACE),
    ("dogApiHost", "https://api.thedogapi.com", HOST),
    ("dogApiHost", "api.thedogapi.com:443", HOST),
    ("dogApiHost", "*.thedogapi.com", HOST),
    ("dogApiHost", "localhost", HOST),
    ("dogApiHost", "localhost.localdomain", HOST),
    ("dogApiHost", "dogs.lan", HOST),
    ("dogApiHost", "dogs.corp", HOST),
    ("dogApiHost", "127.0.0.1", HOST),
    ("dogApiHost", "petservice.pets.svc.cluster.local", HOST),
    ("dogApiHost", "metadata.google.internal", HOST),
    ("dogApiHost", "a" * 64 + ".com", HOST),
    ("dogApiHost", ".".join(["a" * 60] * 5) + ".com", HOST),
    ("dogApiHost", "", HOST),
    ("dogApiPath", "v1/images/search", PATH),
    ("dogApiPath", "/v1/images search", PATH),
    ("dogApiPath", "/v1#top", PATH),
    ("dogApiPath", "", PATH),
    *(
        ("dogApiHost", value, HOST)
        for value in (
            "istiod.istio-system",
            "kube-dns.kube-system",
            "prometheus.observability",
            "webhook.cert-manager",
            "collector.gmp-system",
            "petservice.pets.svc",
            "metadata.goog",
            "instance.metadata.goog",
            "dogs.internal",
            "dogs.test",
            "dogs.example",
            "dogs.invalid",
            "dogs.onion",
            "home.arpa",
        )
    ),
    *(
        ("namespace", value, NAMESPACE)
        for value in (
            "cert-manager",
            "gmp-system",
            "gmp-public",
            "gke-managed-system",
            "gke-gmp-system",
            "istio-operator",
            "kube-node-lease",
            "config-management-system",
            "asm-system",
            "cnrm-system",
            "composer-system",
            "knative-serving",
        )
    ),
    *(
        ("apiServerRanges", json.dumps(value), SERVER_RANGES)
        for value in (
            ["0.0.0.0/1", "128.0.0.0/1"],
            ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
            ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"],
            [f"{first}.0.0.0/8" for first in range(256)],
            ["8.0.0.0/8"],
            [f"8.{second}.0.0/16" for second in range(17)],
            ["203.0.0.0/15"],
            ["169.254.169.254/32"],
            ["169.254.0.0/16"],
            ["169.254.169.252/30"],
            ["127.0.0.0/8"],
            ["127.0.0.1/32"],
            ["0.0.0.0/8"],
            ["224.0.0.0/24"],
        )
    ),
    *(
        ("authorizedNetworks", json.dumps(value), RANGES)
        for value in (
            ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
            [f"{first}.0.0.0/8" for first in range(256)],
            [f"8.{second}.0.0/16" for second in range(17)],
        )
    ),
    *(
        ("imageRegistry", value, REGISTRY)
        for value in (
            "localhost:65536",
            "localhost:70000",
            "localhost:99999",
            "registry.example.com:65536/pets",
            "registry.example.com/\u200bpets",
            "r" * 256,
        )
    ),
    *(
        ("images", json.dumps([f"petservice/v1={value}"]), IMAGES)
        for value in (
            "localhost:65536/pets:v1",
            "localhost:99999/pets:v1",
            "localhost:5001/pets:v1\u200b",
            f"localhost:5001/{'p' * 100_000}:v1",
        )
    ),
    *(
        ("istioVersion", value, ISTIO)
        for value in (
            "1.31.01",
            "1.31.00",
            "1.031.1",
            "01.31.1",
            "1.31.1-",
            "1.31.1-rc..1",
            "1.31.1-rc.01",
            "1.31.1+a",
        )
    ),
    *(
        ("istioCharts", value, CHARTS)
        for value in (
            "https://charts.example.com/\u200b",
            "https://charts.example.com/\u202estoi",
            "https://charts.example\u00ad.com",
            "https://charts.example.com/\u3164",
            "https://charts.example.com/\x00",
            "https://charts.example.com/a b",
            "https://chärts.example.com",
            "https://charts.example.com:65536",
            "https://charts.example.com:0",
            "https://:443/charts",
            "oci://user@charts.example.com",
            "file:///charts",
            f"https://charts.example.com/{'c' * 100_000}",
            "c" * 100_000,
            "\x00",
        )
    ),
    *(
        ("kubeContext", value, "the name of a kube context")
        for value in ("kind\u200bpets", "kind\u3164", "\u2800", "kind\ufe0f", "k" * 100_000)
    ),
    *(
        ("deployers", json.dumps([value]), MEMBERS)
        for value in (
            "user:eve\u200b@example.com",
            "user:eve@example\u3164.com",
            "principal://iam.googleapis.com/\u00ad",
            f"user:{'e' * 100_000}@example.com",
        )
    ),
    *(
        ("dogApiPath", value, PATH)
        for value in (
            "/$(PORT)",
            "/v1?port=$(DETAILS_URL)",
            "/$$(PORT)",
            "/a$$b",
            "/v1\u200b",
            f"/{'v' * 100_000}",
            f"/{'v' * 1024}",
        )
    ),
    ("machineType", f"e2-{'s' * 100_000}", "a Compute Engine machine type"),
    ("istioVersion", f"1.31.1-{'a' * 100_000}", ISTIO),
    *(("canaryMirrorPercent", value, WEIGHT) for value in ("101", "-1", "2.5", "")),
]
