"""The benchmark of the in-process plan: its checkouts, bounds and plot."""

from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

from bench.plan import Cost, checkout, plot, problems

LINEAR = {3: Cost(1.0, 120), 30: Cost(1.9, 150), 100: Cost(4.0, 200), 300: Cost(10.0, 350)}


def test_each_service_of_a_checkout_is_called_by_another_or_public(tmp_path: Path) -> None:
    copy = checkout(tmp_path, 30)
    entries = {
        file.parent.name: yaml.safe_load(file.read_text())
        for file in copy.glob("apps/*/service.yaml")
    }
    called = {name for entry in entries.values() for name in entry.get("calls", {}).values()}
    assert len(entries) == 30
    assert entries.keys() - called == {"petservice"}


def test_a_plan_within_the_bounds_has_no_problem() -> None:
    assert problems(Cost(1.0, 120), LINEAR) == []


def test_a_slow_small_plan_and_one_that_grows_faster_than_its_services_are_told() -> None:
    assert problems(Cost(0.8, 120), LINEAR) == ["3 services: 1.25 times the import, not 1.15"]
    [slower] = problems(Cost(1.0, 120), {**LINEAR, 300: Cost(12.0, 350)})
    assert slower == "300 services: 1.33 times the seconds a service"
    [larger] = problems(Cost(1.0, 120), {**LINEAR, 300: Cost(10.0, 400)})
    assert larger == "300 services: 1.40 times the mebibytes a service"


def test_the_plot_is_an_image_with_every_figure() -> None:
    drawn = ET.fromstring(plot(LINEAR))  # noqa: S314 (our own)
    texts = {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"3", "30", "100", "300", "10", "350"} <= texts
