"""expectations.yaml is read strictly: a line for each mistake."""

from pathlib import Path

import pytest

from petmesh.expectations.model import read_expectations
from petmesh.rehearsal.settings import SettingsError

GOOD = 'from: a, url: "http://web/"'


def read(folder: Path, text: str) -> str:
    (folder / "expectations.yaml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_expectations(folder)
    return str(refused.value).removeprefix(f"{folder / 'expectations.yaml'}: ")


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ('from: a, url: "ftp://web/", expect: {status: 200}', "url = ftp://web/: must be a URL"),
        (f"{GOOD}, expect: {{}}", "expect: must name something that must come"),
        (f"{GOOD}, expect: {{failures: 1}}", "expect: must name something that must come"),
        (f"{GOOD}, expect: {{status: []}}", "expect: must name something that must come"),
        (f"{GOOD}, expect: {{share: {{}}}}", "expect: must name something that must come"),
        (f"{GOOD}, expect: {{status: 999}}", "status[0] = 999: must be a status of HTTP"),
        ('from: a, url: "http://web:99999/", expect: {status: 200}', "port out of range"),
        ('from: "", url: "http://web/", expect: {status: 200}', "from = : string should have"),
        (f'{GOOD}, headers: {{"@file": c}}, expect: {{status: 200}}', "headers.@file"),
        (f'{GOOD}, headers: {{"a b": c}}, expect: {{status: 200}}', "headers.a b"),
        (f'{GOOD}, headers: {{a: "b\\r\\nc: d"}}, expect: {{status: 200}}', "headers.a = 'b\\r\\n"),
        (f"{GOOD}, expect: {{colour: red}}", "expect.colour: unknown key"),
        (f"{GOOD}, times: 0, expect: {{status: 200}}", "times = 0: input should be greater"),
        (f"{GOOD}, expect: {{status: 200, failures: 1}}", "failures = 1: must be less than times"),
        (f"{GOOD}, times: 100, expect: {{share: {{a: 50, b: 40}}}}", "must add up to 100, not 90"),
        (f"{GOOD}, times: 10, expect: {{share: {{a: 100}}}}", "a share needs at least 20"),
        (f"{GOOD}, expect: {{status: 200, tolerance: 5}}", "tolerance needs a share"),
        (f"{GOOD}, expect: {{redirect: {{matches: '('}}}}", "must be a regular expression"),
        (f"{GOOD}, certificate: a, expect: {{status: 200}}", "certificate: is shown from outside"),
        (f"{GOOD}, faults: [{{}}], expect: {{status: 200}}", "must have workload or host"),
        (f"{GOOD}, faults: [{{host: a, pods: 1}}], expect: {{status: 200}}", "are a workload's"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(
    tmp_path: Path, fields: str, mistake: str
) -> None:
    line = read(tmp_path, f"expectations: [{{{fields}}}]")
    assert line.startswith("expectations[0]")
    assert mistake in line
    assert "\n" not in line


def test_each_mistake_has_a_line(tmp_path: Path) -> None:
    text = read(tmp_path, "expectations: [{from: a}, {url: 1}]\nmore: 1")
    assert len(text.splitlines()) >= 5


def test_none_at_all_are_refused(tmp_path: Path) -> None:
    assert "must not be empty" in read(tmp_path, "expectations: []")
    with pytest.raises(SettingsError, match="there is no such file"):
        read_expectations(tmp_path / "none.yaml")


def test_the_title_is_made_of_what_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text(f"expectations: [{{{GOOD}, headers: {{b: c}}, expect: {{status: 0}}}}]")
    [read_one] = read_expectations(file)
    assert read_one.title == "a: GET http://web/ b=c"
