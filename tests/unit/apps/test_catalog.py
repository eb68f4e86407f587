"""Entries of services: what is read of them, and the one line that each mistake gets."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from apps import catalog
from apps.catalog import Catalog, CatalogError, read_catalog

FRONT: dict[str, Any] = {
    "port": 8080,
    "public": "/shop/",
    "paths": ["/shop/{*}"],
    "calls": {"BACK_URL": "back"},
}
BACK: dict[str, Any] = {"port": 8081, "paths": ["/back"]}


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two services."""
    folder = tmp_path / "apps"
    monkeypatch.setattr(catalog, "FOLDER", folder)
    write(folder, front=FRONT, back=BACK)
    return folder


def write(folder: Path, **entries: object) -> None:
    for name, entry in entries.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "Dockerfile").touch()
        (folder / name / "service.yaml").write_text(
            entry if isinstance(entry, str) else yaml.safe_dump(entry)
        )


def refusal() -> list[str]:
    with pytest.raises(CatalogError) as refused:
        read_catalog()
    return str(refused.value).splitlines()


def names(services: Catalog) -> set[str]:
    return {each.name for each in services}


def test_a_folder_with_an_entry_is_a_service(apps: Path) -> None:
    (apps / "shared").mkdir()
    services = read_catalog()
    assert names(services) == {"front", "back"}
    assert services.called(services["front"]) == (services["back"],)
    assert services.callers(services["back"]) == (services["front"],)
    assert services.public == (services["front"],)


def test_versions_are_files_or_a_list_or_v1_alone(apps: Path) -> None:
    write(apps, back={**BACK, "versions": ["v3", "v2"]}, third=BACK)
    (apps / "third" / "versions").mkdir()
    for name in ("v2.json", "v1.json", ".hidden.json", "notes.txt"):
        (apps / "third" / "versions" / name).write_text("{}")
    assert read_catalog().versions == {
        "front": ("v1",),
        "back": ("v3", "v2"),
        "third": ("v1", "v2"),
    }


def test_a_service_is_safe_to_retry_if_all_its_methods_are(apps: Path) -> None:
    for methods, safe in ((["GET", "HEAD"], True), (["GET", "POST"], False)):
        write(apps, back={**BACK, "methods": methods})
        assert read_catalog()["back"].is_safe == safe


PATHS = "must be a list of different paths such as /pet/{*}"
VARIABLES = "must be a map of environment variables to the names of other services"
TEXTS = "must be a map of environment variables to texts"
MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"port": 80}, "port = 80: must be a whole number from 1024 to 65535"),
    ({"port": 15001}, "port = 15001: must be a whole number from 1024 to 65535, none of Istio's"),
    ({"port": 70000}, "port = 70000: must be a whole number"),
    ({"port": "8081"}, "port = 8081: must be a whole number"),
    ({"port": True}, "port = true: must be a whole number"),
    ({"port": 8081.5}, "port = 8081.5: must be a whole number"),
    ({"port": float("nan")}, "port = nan: must be a whole number"),
    ({"port": None}, 'port = "": must be a whole number'),
    ({"paths": []}, f"paths = []: {PATHS}"),
    ({"paths": "/back"}, f"paths = /back: {PATHS}"),
    ({"paths": ["back"]}, f"paths.0 = back: {PATHS}"),
    ({"paths": ["/{**}/back"]}, f"paths.0 = /{{**}}/back: {PATHS}"),
    ({"paths": ["/a b"]}, f"paths.0 = /a b: {PATHS}"),
    ({"paths": ["/back", "/back"]}, f'paths = ["/back","/back"]: {PATHS}'),
    ({"methods": ["get"]}, "methods.0 = get: must be a list of different methods"),
    ({"methods": []}, "methods = []: must be a list of different methods"),
    ({"public": "/back"}, "public = /back: must be a path prefix such as /pet/"),
    ({"public": "/shop/back/"}, "public = /shop/back/: must not be under /shop/, which is front's"),
    ({"calls": {"URL": "bck"}}, "calls.URL = bck: must be one of front"),
    ({"calls": {"URL": "back"}}, "calls.URL = back: must be one of front"),
    ({"calls": {"url": "front"}}, f"calls.url = url: {VARIABLES}"),
    ({"calls": ["front"]}, f'calls = ["front"]: {VARIABLES}'),
    ({"calls": {"PORT": "front"}}, "PORT: must be another variable: the stack sets it itself"),
    (
        {"calls": {"A": "front"}, "environment": {"A": "b"}},
        "A: must be another variable: it is set twice",
    ),
    (
        {"environment": {"OTEL_SDK_DISABLED": "true"}},
        f"environment.OTEL_SDK_DISABLED = [secret]: {TEXTS}",
    ),
    ({"environment": {"A": 5}}, f"environment.A = [secret]: {TEXTS}"),
    ({"environment": {"A": "$(B)"}}, f"environment.A = [secret]: {TEXTS}"),
    ({"environment": {"A": "a\nb"}}, f"environment.A = [secret]: {TEXTS}"),
    ({"outside": {"catApi": {"url": "A", "proxy": "B"}}}, "outside.catApi = catApi: must be a map"),
    ({"outside": {"dogApi": {"url": "A"}}}, "outside.dogApi.proxy is not set: it must be the name"),
    ({"outside": {"dogApi": {"url": "a", "proxy": "B"}}}, "outside.dogApi.url = a: must be the"),
    ({"versions": ["V1"]}, "versions.0 = V1: must be a list of different versions"),
    ({"versions": ["v1", "v1"]}, 'versions = ["v1","v1"]: must be a list of different versions'),
    ({"prot": 8081}, "prot = 8081: no such key; did you mean port?"),
    ({"name": "other"}, "name = other: no such key: known are port, paths"),
    (
        {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        "resources.limits is not set: it must be a map of cpu and memory",
    ),
    (
        {
            "resources": {
                "requests": {"cpu": 2, "memory": "1Gi"},
                "limits": {"cpu": "500m", "memory": "2Gi"},
            }
        },
        "resources.requests.cpu = 2: must be at most its limit, 500m",
    ),
    (
        {
            "resources": {
                "requests": {"cpu": "1", "memory": "1G"},
                "limits": {"cpu": "1", "memory": "2Gi"},
            }
        },
        "resources.requests.memory = 1G: must be mebibytes or gibibytes",
    ),
]


@pytest.mark.parametrize(("change", "told"), MISTAKES)
def test_a_mistake_gets_one_line(apps: Path, change: dict[str, object], told: str) -> None:
    write(apps, back={**BACK, **change})
    [line] = refusal()
    assert line.startswith(f"apps/back/service.yaml: {told}")


def test_each_mistake_of_each_entry_gets_a_line(apps: Path) -> None:
    write(apps, front={**FRONT, "port": 1}, back={"port": 2})
    assert [" ".join(line.split()[:2]) for line in refusal()] == [
        "apps/back/service.yaml: port",
        "apps/back/service.yaml: paths",
        "apps/front/service.yaml: port",
    ]


@pytest.mark.parametrize(
    "text", ["", "- port", "port: [", "port: 1\nport: 2", "a: &a [*a]", "port: \x00", "\ufffe"]
)
def test_a_file_that_is_no_entry_gets_one_line(apps: Path, text: str) -> None:
    write(apps, back=text)
    [line] = refusal()
    assert line.startswith("apps/back/service.yaml: ")


def test_a_file_that_is_no_text_gets_one_line(apps: Path) -> None:
    (apps / "back" / "service.yaml").write_bytes(b"\xff\xfe")
    [line] = refusal()
    assert line.startswith("apps/back/service.yaml: ")


@pytest.mark.parametrize("name", ["Back", "1back", "back_", "b" * 43, "default", "istio-proxy"])
def test_a_folder_must_have_a_services_name(apps: Path, name: str) -> None:
    write(apps, **{name: BACK})
    [line] = refusal()
    assert line.startswith(f"apps/{name}/service.yaml: {name}: the folder must have 1 to 42 of")


def test_an_image_needs_its_dockerfile(apps: Path) -> None:
    (apps / "back" / "Dockerfile").unlink()
    assert refusal() == [
        "apps/back/service.yaml: apps/back/Dockerfile: must exist: it builds the service's image"
    ]


def test_versions_are_told_once(apps: Path) -> None:
    write(apps, back={**BACK, "versions": ["v1"]})
    (apps / "back" / "versions").mkdir()
    (apps / "back" / "versions" / "v1.json").write_text("{}")
    [line] = refusal()
    assert "versions = v1: must be left out beside apps/back/versions/*.json" in line


def test_one_service_at_least_is_public(apps: Path) -> None:
    write(apps, front={**FRONT, "public": ""})
    assert refusal() == ["apps/*/service.yaml: public: must be set for one service at least"]


def test_a_service_comes_after_those_that_it_calls_whoever_calls_whom(apps: Path) -> None:
    calls = {"front": ["b", "back"], "b": ["c", "d"], "c": ["b"], "d": []}
    for name, called in calls.items():
        urls = {f"{each.upper()}_URL": each for each in called}
        write(apps, **{name: {**(FRONT if name == "front" else BACK), "calls": urls}})
    assert [each.name for each in read_catalog().callees_first] == ["c", "d", "b", "back", "front"]
