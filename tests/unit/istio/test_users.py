"""Users that keep their side of every canary: places, routes, the cookie, the gateway's filter."""

import itertools
import json
import re
from typing import Any

import pytest

from istio.users import ANY_PLACE, PLACES, places_below
from petmesh.program.declaration import Declaration
from tests.unit.declared import GIVEN, is_after, local, manifest, manifests, spec

DRAWN = "%DYNAMIC_METADATA(petmesh.users:drawn)%"
EVERY_PLACE = [f"{place:03x}" for place in range(PLACES)]


def sticky(weight: int = 25, **config: str) -> Declaration:
    """A stack whose users keep their side of petdetailsservice's and petservice's canaries."""
    petservice = {"canaryVersion": "v2", "canaryWeight": weight}
    given: dict[str, str] = {
        "userCookie": "place",
        "canaryWeight": str(weight),
        "images": f'["petservice/v2={GIVEN}"]',
        "releases": json.dumps({"petservice": petservice}),
    }
    return local(**{**given, **config})


def inner(stack: Declaration) -> dict[str, Any]:
    rules = spec(stack, "VirtualService", "petdetailsservice")["http"]
    return {rule["name"]: rule for rule in rules}


def public(stack: Declaration) -> dict[str, Any]:
    rules = spec(stack, "VirtualService", "petservice-public")["http"]
    return {rule["name"]: rule for rule in rules}


def subset(rule: Any) -> str:  # noqa: ANN401 (data)
    [only] = rule["route"]
    assert only["weight"] == 100
    return only["destination"]["subset"]


def pattern(rule: Any, header: str) -> str:  # noqa: ANN401 (data)
    [match] = rule["match"]
    assert match["headers"].keys() == {header}
    return match["headers"][header]["regex"]


# Places


@pytest.mark.parametrize("percent", range(101))
def test_a_percent_has_its_share_of_the_places_and_the_lowest_ones(percent: int) -> None:
    below = [each for each in EVERY_PLACE if re.fullmatch(places_below(percent), each)]
    assert below == EVERY_PLACE[: len(below)]
    assert abs(len(below) / PLACES - percent / 100) < 0.00013


def test_a_higher_percent_has_every_place_of_a_lower_one() -> None:
    counts = [
        sum(1 for each in EVERY_PLACE if re.fullmatch(places_below(percent), each))
        for percent in range(101)
    ]
    assert counts == sorted(set(counts))
    assert (counts[0], counts[100]) == (0, PLACES)


def test_no_percent_has_what_is_no_place() -> None:
    for percent in (1, 50, 99, 100):
        for text in ("", "0", "00", "0000", "00g", "00A", " 000"):
            assert not re.fullmatch(places_below(percent), text)


# Between services


@pytest.mark.parametrize("weight", [10, 25, 50])
def test_a_users_place_decides_and_without_one_the_weight(weight: int) -> None:
    rules = inner(sticky(weight))
    assert [*rules] == ["testers", "users-canary", "users-stable", "weighted"]
    assert pattern(rules["users-canary"], "x-canary-place") == f"({places_below(weight)})"
    assert pattern(rules["users-stable"], "x-canary-place") == f"({ANY_PLACE})"
    assert (subset(rules["users-canary"]), subset(rules["users-stable"])) == ("v2", "v1")
    shares = [each["weight"] for each in rules["weighted"]["route"]]
    assert shares == [100 - weight, weight]


def test_at_weight_0_every_user_is_on_the_stable_version() -> None:
    assert [*inner(sticky(0))] == ["testers", "users-stable", "weighted"]
    assert "users-canary" not in public(sticky(0))


def test_users_wait_try_and_are_mirrored_as_everybody() -> None:
    rules = inner(sticky(canaryMirrorPercent="20"))
    kept = ("timeout", "retries", "mirror", "mirrorPercentage")
    for name in ("users-canary", "users-stable"):
        assert {key: rules[name][key] for key in kept} == {
            key: rules["weighted"][key] for key in kept
        }


def test_without_a_canary_no_place_is_looked_at() -> None:
    assert [*inner(sticky(0, canaryVersion=""))] == ["weighted"]


def test_a_weight_changes_its_own_route_alone() -> None:
    old, new = sticky(25), sticky(25, canaryWeight="50")
    before = {each.urn: each.inputs for each in old.resources}
    changed = {each.name for each in new.resources if before[each.urn] != each.inputs}
    assert changed == {"petdetailsservice-route"}


def test_canaries_of_one_weight_have_the_same_places() -> None:
    stack = sticky(30)
    named = pattern(public(stack)["users-canary"], "cookie")
    assert pattern(inner(stack)["users-canary"], "x-canary-place") in named


# At the ingress


def test_a_cookie_decides_then_what_is_drawn_for_a_new_user() -> None:
    rules = public(sticky())
    assert [*rules] == [
        "testers",
        "ambiguous-users-stable",
        "users-canary",
        "users-stable",
        "new-users-canary",
        "new-users-stable",
        "weighted",
    ]
    for name, rule in rules.items():
        assert all(each["uri"] == {"prefix": "/pet/"} for each in rule["match"]), name
    for who in ("users", "new-users"):
        sides = [subset(rules[f"{who}-{side}"]) for side in ("canary", "stable")]
        assert sides == ["v2", "v1"]


def test_a_public_service_without_a_canary_hands_places_out_too() -> None:
    rules = public(local(userCookie="place"))
    names = ["ambiguous-users-stable", "users-stable", "new-users-stable", "weighted"]
    assert [*rules] == names
    assert {subset(rules[name]) for name in rules} == {"v1"}


@pytest.mark.parametrize(
    "cookies", ["place=000", "a=b; place=3ff; c=d", "a=b;place=100;", "x=y;  place=0ab"]
)
def test_the_place_is_found_among_other_cookies(cookies: str) -> None:
    rules = public(sticky())
    assert re.fullmatch(pattern(rules["users-canary"], "cookie"), cookies)


@pytest.mark.parametrize(
    "cookies", ["", "place=", "place=00", "place=0000", "place=00g", "myplace=000", 'place="000"']
)
def test_a_cookie_that_holds_no_place_counts_as_none(cookies: str) -> None:
    rules = public(sticky())
    for name in ("users-canary", "users-stable"):
        assert not re.fullmatch(pattern(rules[name], "cookie"), cookies)


@pytest.mark.parametrize("weight", [0, 10, 50, 99, 100])
def test_whatever_the_cookies_the_next_hop_decides_as_the_ingress_does(weight: int) -> None:
    stack = sticky(weight)
    [patch] = spec(stack, "EnvoyFilter", "users")["configPatches"]
    known = patch["patch"]["value"]["typed_config"]["request_rules"][0]["on_header_present"]
    rewrite = known["regex_value_rewrite"]
    rules = {
        name: rule
        for name, rule in public(stack).items()
        if name.startswith(("users-", "ambiguous-users-"))
    }
    pairs = ["place=000", "place=7ff", "place=fff", "place=", 'place="000"', "PLACE=000", "b=c"]
    found: list[str] = []
    for chosen in itertools.chain.from_iterable(
        itertools.product(pairs, repeat=n) for n in (1, 2, 3)
    ):
        for separator in (";", "; ", ",", " ;\t"):
            cookies = separator.join(chosen)
            matching = [n for n in rules if re.fullmatch(pattern(rules[n], "cookie"), cookies)]
            if not matching:
                continue
            rule = rules[matching[0]]
            place = rule["headers"]["request"]["set"]["x-canary-place"].replace(
                "%DYNAMIC_METADATA(petmesh.users:known)%",
                re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], cookies, count=1),
            )
            inner_rules = {n: r for n, r in inner(stack).items() if n.startswith("users-")}
            hop = next(
                r for r in inner_rules.values() if re.fullmatch(pattern(r, "x-canary-place"), place)
            )
            assert subset(hop) == subset(rule), cookies
            found.append(place)
    assert {*found} == {"000", "7ff", "fff"}


@pytest.mark.parametrize("cookies", ["", "place=", 'place="000"', "a=b; myplace=000"])
def test_of_cookies_without_a_place_nothing_is_noted(cookies: str) -> None:
    [patch] = spec(sticky(), "EnvoyFilter", "users")["configPatches"]
    known = patch["patch"]["value"]["typed_config"]["request_rules"][0]["on_header_present"]
    rewrite = known["regex_value_rewrite"]
    assert not re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], cookies, count=1)


def test_every_id_that_envoy_draws_has_a_place() -> None:
    rules = public(sticky())
    canary, stable = (
        pattern(rules[name], "x-request-id") for name in ("new-users-canary", "new-users-stable")
    )
    low, high = "3ff8761f-17c8-975b-9b61-c507974aae39", "400b6ab7-0446-443d-aa4e-9552c41f2d66"
    assert re.fullmatch(canary, low)
    assert not re.fullmatch(canary, high)
    assert re.fullmatch(stable, high)


def test_users_are_handed_on_by_a_header_and_new_ones_get_the_cookie() -> None:
    rules = public(sticky())
    for side in ("canary", "stable"):
        assert rules[f"users-{side}"]["headers"] == {
            "request": {"set": {"x-canary-place": "%DYNAMIC_METADATA(petmesh.users:known)%"}}
        }
        cookie = f"place={DRAWN}; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax"
        assert rules[f"new-users-{side}"]["headers"] == {
            "request": {"set": {"x-canary-place": DRAWN}},
            "response": {"add": {"set-cookie": cookie}},
        }


def test_over_https_the_cookie_is_secure_and_hsts_stays() -> None:
    rules = public(sticky(ingressTls="secret", userCookieDays="0", userCookieAttributes="[]"))
    strict = {"set": {"strict-transport-security": "max-age=31536000"}}
    assert rules["weighted"]["headers"] == {"response": strict}
    assert rules["users-canary"]["headers"]["response"] == strict
    assert rules["new-users-canary"]["headers"]["response"] == {
        **strict,
        "add": {"set-cookie": f"place={DRAWN}; Secure"},
    }


def test_the_gateway_notes_the_cookie_before_any_route_is_public() -> None:
    stack = sticky()
    [patch] = spec(stack, "EnvoyFilter", "users")["configPatches"]
    value = patch["patch"]["value"]
    assert value["name"] == "envoy.filters.http.header_to_metadata"
    known, drawn = value["typed_config"]["request_rules"]
    assert (known["header"], drawn["header"]) == ("cookie", "x-request-id")
    keys = [each["on_header_present"]["key"] for each in (known, drawn)]
    assert keys == ["known", "drawn"]
    rewrite = drawn["on_header_present"]["regex_value_rewrite"]
    uuid = "3ff8761f-17c8-975b-9b61-c507974aae39"
    assert re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], uuid) == "3ff"
    noting = manifest(stack, "EnvoyFilter", "users")
    assert is_after(stack, manifest(stack, "Gateway", "petmesh"), noting)


def test_a_client_decides_no_place_of_its_own() -> None:
    [patch] = spec(sticky(), "EnvoyFilter", "edge")["configPatches"]
    [removal] = patch["patch"]["value"]["typed_config"]["early_header_mutation_extensions"]
    *removed, one_line = removal["typed_config"]["mutations"]
    assert {"x-canary-place", "x-request-id"} <= {each["remove"] for each in removed}
    assert one_line["append"]["header"] == {"key": "cookie", "value": "%REQ(cookie)%"}


def test_by_default_each_request_goes_by_the_weight() -> None:
    assert [*inner(local())] == ["testers", "weighted"]
    assert [*public(local())] == ["weighted"]
    assert "users" not in manifests(local(), "EnvoyFilter")
    edge = json.dumps(spec(local(), "EnvoyFilter", "edge"))
    assert "x-request-id" not in edge


def test_every_header_value_is_one_that_istiod_takes() -> None:
    """After the arguments of a command operator it wants its end, and no length."""
    values = json.dumps(public(sticky()))
    assert "%DYNAMIC_METADATA(" in values
    assert not re.search(r"%[A-Z_]+\([^)]*\)[^% ]", values)
