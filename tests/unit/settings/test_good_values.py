"""Values that are taken, and what they are read as."""

import pytest

from tests.unit.declared import gke, local, spec
from tests.unit.settings.reading import KEYS, read


@pytest.mark.parametrize(
    ("key", "value", "read_as"),
    [
        ("labels", '["owner=pets", "cost-center="]', ("owner=pets", "cost-center=")),
        ("maintenanceExclusions", '["2026-11-20/2027-01-05"]', ("2026-11-20/2027-01-05",)),
        ("kubernetesVersion", "1.34", "1.34"),
        ("kubernetesVersion", "1.34.1-gke.1000", "1.34.1-gke.1000"),
        ("nodeUpgrades", "blueGreen", "blueGreen"),
        ("spotNodes", "true", True),
        ("backupRetentionDays", "365", 365),
        ("canaryWeight", "0", 0),
        ("canaryWeight", "10", 10),
        ("canaryWeight", "100", 100),
        ("canaryVersion", "", ""),
        ("clusterName", "ab", "ab"),
        ("clusterName", "a" * 24, "a" * 24),
        ("location", "europe-west4", "europe-west4"),
        ("location", "northamerica-northeast2-b", "northamerica-northeast2-b"),
        ("deployers", "[]", ()),
        (
            "deployers",
            '["group:platform@example.com", "serviceAccount:ci@petmesh.iam.gserviceaccount.com"]',
            ("group:platform@example.com", "serviceAccount:ci@petmesh.iam.gserviceaccount.com"),
        ),
        ("authorizedNetworks", '["203.0.113.7/32"]', ("203.0.113.7/32",)),
        ("minNodes", "4", 4),
        ("maxNodes", "100", 100),
        ("deletionProtection", "false", False),
        ("deletionProtection", "true", True),
        ("istioPlatform", "k3d", "k3d"),
        ("kubeContext", "kind-pets", "kind-pets"),
        ("imageRegistry", "registry.example.com/team/pets", "registry.example.com/team/pets"),
        (
            "images",
            '["petservice/v1=localhost:5001/pets:v1"]',
            ("petservice/v1=localhost:5001/pets:v1",),
        ),
        ("istioVersion", "1.32.0-rc.1", "1.32.0-rc.1"),
        (
            "istioCharts",
            "oci://ghcr.io/istio/release/charts/",
            "oci://ghcr.io/istio/release/charts",
        ),
        ("ingressHosts", '["a.b", "xn--bcher-kva.example"]', ("a.b", "xn--bcher-kva.example")),
        ("ingressTlsSecret", "pets.example.com", "pets.example.com"),
        ("ingressRequestsPerSecond", "0", 0),
        ("ingressRequestsPerSecond", "100000", 100_000),
        ("ingressConnections", "1", 1),
        ("ingressConnections", "100000", 100_000),
        ("keepPrevious", "nextRelease", "nextRelease"),
        ("keepPrevious", "24h", "24h"),
        ("previousVersion", "v1", "v1"),
        ("userCookie", "pets-place", "pets-place"),
        ("userCookieDays", "0", 0),
        (
            "userCookieAttributes",
            '["Domain=example.com", "SameSite=Strict", "Path=/pet"]',
            ("Domain=example.com", "SameSite=Strict", "Path=/pet"),
        ),
        ("namespace", "p" * 63, "p" * 63),
        ("minReplicas", "2", 2),
        ("maxReplicas", "100", 100),
        ("dogApiEnabled", "true", True),
        ("egressGateway", "true", True),
        ("dogApiHost", "dog.ceo", "dog.ceo"),
        ("dogApiHost", "system.dog", "system.dog"),
        ("dogApiHost", "istio-system.example.com", "istio-system.example.com"),
        ("dogApiHost", "metadata.example.goog", "metadata.example.goog"),
        ("dogApiHost", "dogs.xn--p1ai", "dogs.xn--p1ai"),
        ("namespace", "pets-system", "pets-system"),
        ("namespace", "istio", "istio"),
        ("namespace", "kubernetes", "kubernetes"),
        ("namespace", "certmanager", "certmanager"),
        ("namespace", "gke", "gke"),
        ("apiServerRanges", '["10.0.0.0/8", "172.16.0.0/12"]', ("10.0.0.0/8", "172.16.0.0/12")),
        ("apiServerRanges", '["100.64.0.0/10"]', ("100.64.0.0/10",)),
        ("apiServerRanges", '["34.118.0.0/16"]', ("34.118.0.0/16",)),
        ("apiServerRanges", '["203.0.113.10/32"]', ("203.0.113.10/32",)),
        ("authorizedNetworks", '["198.51.0.0/16"]', ("198.51.0.0/16",)),
        ("imageRegistry", "localhost:65535", "localhost:65535"),
        ("imageRegistry", "localhost:1/pets", "localhost:1/pets"),
        ("istioVersion", "1.31.0", "1.31.0"),
        ("istioVersion", "1.31.10", "1.31.10"),
        ("istioVersion", "1.33.0-alpha.0", "1.33.0-alpha.0"),
        (
            "istioCharts",
            "https://charts.example.com:65535/a/",
            "https://charts.example.com:65535/a",
        ),
        ("istioCharts", "https://Charts.example.com/a~b_c", "https://Charts.example.com/a~b_c"),
        ("istioCharts", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("kubeContext", "größe@kind", "größe@kind"),
        (
            "deployers",
            '["principal://iam.googleapis.com/projects/1/locations/global/x/subject/a:b@c"]',
            ("principal://iam.googleapis.com/projects/1/locations/global/x/subject/a:b@c",),
        ),
        ("dogApiPath", "/a$b/$/(c)", "/a$b/$/(c)"),
        ("dogApiPath", f"/{'v' * 1023}", f"/{'v' * 1023}"),
        ("dogApiPath", "/v1?breed=terrier&monkeys=1", "/v1?breed=terrier&monkeys=1"),
        ("dogApiPath", "/", "/"),
        ("dogApiPath", "/v1/images?limit=1&size=small", "/v1/images?limit=1&size=small"),
    ],
)
def test_a_good_value_at_the_edge_is_taken(key: str, value: str, read_as: object) -> None:
    taken = getattr(read(**{key: value}), KEYS[key])
    assert taken == read_as
    assert type(taken) is type(read_as)


def test_a_weight_of_0_is_a_weight() -> None:
    stack = local(canaryVersion="v2", canaryWeight="0")
    routes = spec(stack, "VirtualService", "petdetailsservice")["http"]
    assert [target["weight"] for target in routes[-1]["route"]] == [100, 0]
    assert stack.outputs["weights"] == {"v1": 100, "v2": 0}


@pytest.mark.parametrize(
    ("location", "region"),
    [("us-central1-a", "us-central1"), ("us-central1", "us-central1")],
)
def test_the_region_is_that_of_the_zone(location: str, region: str) -> None:
    assert read(location=location).region == region


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().canary_weight = 100


def test_the_stacks_that_are_kept_here_are_accepted() -> None:
    assert local().outputs["weights"] == gke().outputs["weights"] == {"v1": 100, "v2": 0}
