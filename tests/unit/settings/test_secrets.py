"""Secrets, which no refusal shows."""

from contextvars import Context

import pulumi
import pulumi.runtime
import pytest

from demo.pets import CATALOG
from settings import ConfigError, Settings, load
from tests.unit.declared import kept_config
from tests.unit.settings.reading import GOOGLE_PROJECT, KEYS, UNDECLARED, refusal

SECRET = "correct-horse"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("istioCharts", f"https://user:{SECRET}@charts.example.com"),
        ("istioCharts", f"https://charts.example.com/x?code={SECRET}"),
        ("istioCharts", f"https://charts.example.com/x#{SECRET}"),
        ("istioCharts", f"https://user:{SECRET}/x@charts.example.com"),
        ("istioCharts", f"oci://{SECRET}@charts.example.com"),
        ("istioCharts", f"https://charts.example.com?access_token={SECRET}"),
        ("istioCharts", f"https://charts.example.com/a?x=1&X-Goog-Signature={SECRET}"),
        ("imageRegistry", f"user:{SECRET}@registry.example.com"),
        ("imageRegistry", f"https://user:{SECRET}@registry.example.com"),
        ("images", f'["petservice/v1=user:{SECRET}@registry.example.com/pets:v1"]'),
        ("dogApiHost", f"user:{SECRET}@dog.ceo"),
        ("dogApiPath", f"/v1?api_key={SECRET}"),
        ("dogApiPath", f"/v1?limit=1&token={SECRET}"),
        ("dogApiPath", f"/v1?a=1;PASSWORD={SECRET}"),
        ("kubeContext", f"https://user:{SECRET}@example.com a"),
        ("unknown", f"https://user:{SECRET}@example.com/?sig={SECRET}"),
    ],
)
def test_a_credential_in_an_address_is_refused_and_not_shown(key: str, value: str) -> None:
    [line] = refusal(**{key: value})
    assert line.startswith(f"{key} = ")
    assert "[secret]" in line
    assert SECRET not in line


@pytest.mark.parametrize("key", [*KEYS, GOOGLE_PROJECT])
def test_a_key_that_is_set_as_a_secret_is_refused_and_not_shown(key: str) -> None:
    full = key if ":" in key else f"petmesh:{key}"

    def run(values: dict[str, str]) -> Settings:
        pulumi.runtime.set_all_config({**kept_config("local"), **values}, [full])
        return load(CATALOG.versions)

    # Without a value there is only a key of Pulumi.yaml.
    for values in ({}, {full: SECRET}) if key not in UNDECLARED else ({full: SECRET},):
        with pytest.raises(ConfigError) as refused:
            Context().run(run, values)
        [line] = str(refused.value).splitlines()
        assert line.startswith(f"{key} = [secret]: must be no secret")
        assert SECRET not in line


def test_a_secret_of_a_key_that_is_none_is_not_shown() -> None:
    def run() -> Settings:
        secret = {"petmesh:apiToken": SECRET, "petmesh:dogApiPath": "nowhere"}
        pulumi.runtime.set_all_config({**kept_config("local"), **secret}, [*secret])
        return load(CATALOG.versions)

    with pytest.raises(ConfigError) as refused:
        Context().run(run)
    secret, unknown = str(refused.value).splitlines()
    assert secret.startswith("dogApiPath = [secret]: must be no secret")
    assert unknown.startswith("apiToken = [secret]: no such key")


def test_what_the_engine_says_is_secret_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["petmesh:kubeContext"]')
    [line] = refusal(kubeContext=SECRET)
    assert line.startswith("kubeContext = [secret]: must be no secret")
