"""The alerts, evaluated by Prometheus itself: they fire past their bounds, and not before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from observability.alerts import rule_groups
from tests.unit.promtool import check_rules, play

WORKLOAD = (
    'destination_workload_namespace="pets",destination_workload="details-v2",'
    'destination_version="v2"'
)
LABELS = {
    "destination_workload_namespace": "pets",
    "destination_workload": "details-v2",
}
OF_SERVICE = {"destination_service_name": "details"}
SCRAPES = 100


def counter(
    per_scrape: float, code: str = "200", reporter: str = "destination", flags: str = "-"
) -> dict[str, str]:
    # A caller that reached no pod doesn't know its version.
    workload = WORKLOAD if "UF" not in flags else WORKLOAD.replace('"v2"', '"unknown"')
    labels = f'{workload},reporter="{reporter}",response_code="{code}",response_flags="{flags}"'
    return {
        "series": f"istio_requests_total{{{labels}}}",
        "values": f"0+{per_scrape}x{SCRAPES}",
    }


def durations(fast: float) -> list[dict[str, str]]:
    """1000 requests each scrape, of which a share take at most 500 ms, and the rest a second."""
    name = "istio_request_duration_milliseconds_bucket"
    return [
        {
            "series": f'{name}{{{WORKLOAD},reporter="destination",le="{bound}"}}',
            "values": f"0+{count}x{SCRAPES}",
        }
        for bound, count in (("500", 1000 * fast), ("1000", 1000), ("+Inf", 1000))
    ]


def fires(
    folder: Path, series: Sequence[dict[str, str]], alert: str, at: str, summary: str | None
) -> None:
    """Assert that an alert fires at a time with a summary, or with none that it doesn't."""
    [group] = rule_groups("pets")
    rules: Any = group["rules"]
    [rule] = [each for each in rules if each["alert"] == alert]
    named = OF_SERVICE if alert == "ServiceUnreached" else LABELS
    expected = [
        {
            "exp_labels": {**named, **rule["labels"]},
            "exp_annotations": {**rule["annotations"], "summary": summary},
        }
    ]
    test = {"eval_time": at, "alertname": alert, "exp_alerts": expected if summary else []}
    play(
        folder,
        [{**group, "rules": [rule]}],
        [{"interval": "15s", "input_series": list(series), "alert_rule_test": [test]}],
    )


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    check_rules(tmp_path, rule_groups("pets"))


FAILING = "details-v2 in pets fails 1.1% of its tries; 1% are allowed"


@pytest.mark.parametrize(
    ("series", "at", "summary"),
    [
        ([counter(989), counter(11, "503")], "15m", FAILING),
        ([counter(989), counter(11, "0", flags="DC")], "15m", FAILING),
        ([counter(989), counter(11, "503", "source", "UF,URX")], "15m", FAILING),
        # One failure in a hundred and one is allowed.
        ([counter(1000), counter(10, "503")], "15m", None),
        # What callers see of the answers that a destination counts is no failure of its own.
        ([counter(989), counter(11, "503", "source")], "15m", None),
        ([counter(989), counter(11, "404")], "15m", None),
        # Not for long enough, and too few to tell.
        ([counter(989), counter(11, "503")], "1m", None),
        ([counter(1, "503")], "15m", None),
    ],
)
def test_a_version_that_fails_is_told(
    tmp_path: Path, series: list[dict[str, str]], at: str, summary: str | None
) -> None:
    fires(tmp_path, series, "VersionFailing", at, summary)


@pytest.mark.parametrize(
    ("fast", "at", "summary"),
    [
        (
            0.98,
            "15m",
            "details-v2 in pets answers 1 of 100 tries in more than 750 ms; 500 ms are allowed",
        ),
        (0.995, "15m", None),
        (0.98, "4m", None),
    ],
)
def test_a_version_that_is_slow_is_told(
    tmp_path: Path, fast: float, at: str, summary: str | None
) -> None:
    fires(tmp_path, [counter(1000), *durations(fast)], "VersionSlow", at, summary)


def called(
    per_scrape: float,
    flags: str = "-",
    host: str = "details.pets.svc.cluster.local",
    known: str = "details-v1",
) -> dict[str, str]:
    """A service's requests as its callers count them: without a pod they know the host alone."""
    known = "unknown" if flags != "-" else known
    labels = (
        f'reporter="source",response_flags="{flags}",destination_service="{host}",'
        f'destination_service_name="{host.partition(".")[0]}",destination_workload="{known}"'
    )
    return {"series": f"istio_requests_total{{{labels}}}", "values": f"0+{per_scrape}x{SCRAPES}"}


UNREACHED = "1.1% of the requests for details in pets reach no pod; 1% are allowed"
ALL_UNREACHED = UNREACHED.replace("1.1%", "100%")


@pytest.mark.parametrize(
    ("series", "at", "summary"),
    [
        ([called(989), called(11, "UH")], "15m", UNREACHED),
        ([called(15, "URX,UH")], "15m", ALL_UNREACHED),
        ([called(15, "NC", "details")], "15m", ALL_UNREACHED),
        ([called(989), called(11, "UO")], "15m", UNREACHED),
        ([called(990), called(10, "UH")], "15m", None),
        # Not for long enough, too few to tell, somebody else's, and no name of a service.
        ([called(15, "UH")], "1m", None),
        ([called(1, "UH")], "15m", None),
        ([called(15, "UH", "details.other.svc.cluster.local")], "15m", None),
        ([called(15, "NR")], "15m", None),
        # Answered by who has no sidecar.
        ([called(989), called(11, known="unknown")], "15m", None),
    ],
)
def test_a_service_whose_requests_reach_no_pod_is_told(
    tmp_path: Path, series: list[dict[str, str]], at: str, summary: str | None
) -> None:
    fires(tmp_path, series, "ServiceUnreached", at, summary)


def test_what_new_pods_failed_before_their_first_scrape_is_told(tmp_path: Path) -> None:
    """Five pods that fail 20 requests each as they start, beside one that answers."""
    pods = [
        {
            "series": counter(0, "503")["series"].replace("{", f'{{pod="{pod}",'),
            "values": f"_x24 20x{SCRAPES}",
        }
        for pod in range(5)
    ]
    summary = FAILING.replace("1.1%", "47.62%")
    series = [{**counter(0), "values": f"0+5x{SCRAPES}"}, *pods]
    fires(tmp_path, series, "VersionFailing", "9m", summary.replace("47.62%", "50%"))


def test_an_alert_is_about_one_namespace(tmp_path: Path) -> None:
    series = [
        {**each, "series": each["series"].replace('="pets"', '="other"')}
        for each in (counter(1), counter(99, "503"))
    ]
    fires(tmp_path, series, "VersionFailing", "15m", None)


def test_every_alert_says_what_to_do() -> None:
    [group] = rule_groups("pets")
    rules: Any = group["rules"]
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert "canaryWeight 0" in rule["annotations"]["runbook"]
