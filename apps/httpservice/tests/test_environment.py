import pytest
from yarl import URL

from httpservice.environment import Environment, SettingError


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("65535", 65535), ("007", 7)])
def test_an_integer_is_decimal_digits_within_its_range(value: str, number: int) -> None:
    assert Environment({"PORT": value}).integer("PORT", 9080, 0, 65535) == number


@pytest.mark.parametrize("value", ["", " 1", "abc", "-1", "65536", "1.5", "1e3", "٣", "9" * 5000])
def test_another_integer_is_refused_by_name_value_and_range(value: str) -> None:
    with pytest.raises(SettingError) as refusal:
        Environment({"PORT": value}).integer("PORT", 9080, 0, 65535)
    assert str(refusal.value) == f"PORT = {value!r}: must be an integer from 0 to 65535"


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("2.5", 2.5), ("1e1", 10)])
def test_a_number_may_have_decimals(value: str, number: float) -> None:
    assert Environment({"N": value}).number("N", 1, 0, 10) == number


@pytest.mark.parametrize("value", ["", "nan", "inf", "-0.1", "10.1", "1,5", "true"])
def test_another_number_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="must be a number from 0 to 10"):
        Environment({"N": value}).number("N", 1, 0, 10)


def test_what_is_unset_has_its_default() -> None:
    environment = Environment({})
    assert environment.integer("A", 1, 5, 9) == 1
    assert environment.number("A", 1.5, 5, 9) == 1.5
    assert environment.choice("A", "x", ["x"]) == "x"
    assert environment.text("A", "x") == "x"
    assert environment.url("A", "") is None
    assert environment.required_url("A", "http://a").host == "a"


def test_a_choice_is_one_of_those_allowed() -> None:
    assert Environment({"A": "y"}).choice("A", "x", ["x", "y"]) == "y"
    with pytest.raises(SettingError, match="A = 'z': must be one of x, y"):
        Environment({"A": "z"}).choice("A", "x", ["x", "y"])


@pytest.mark.parametrize(
    ("value", "taken_apart", "shown"),
    [
        ("http://a", ("a", 80, "/"), "http://a"),
        ("http://a:80/", ("a", 80, "/"), "http://a/"),
        ("http://a.b:9081/x?k=1", ("a.b", 9081, "/x?k=1"), "http://a.b:9081/x"),
        ("http://a/%2e%2F?q=%20", ("a", 80, "/%2e%2F?q=%20"), "http://a/%2e%2F"),
        ("http://[::1]:9/x", ("::1", 9, "/x"), "http://[::1]:9/x"),
    ],
)
def test_an_address_is_taken_as_it_is_and_shown_without_its_query(
    value: str, taken_apart: tuple[str, int, str], shown: str
) -> None:
    taken = Environment({"U": value}).required_url("U", "")
    assert (taken.host, taken.port, taken.raw_path_qs) == taken_apart
    assert str(taken.with_query(None)) == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a:9081",
        "ftp://a",
        "http://",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://user@a",
        "http://user:secret@a",
        "http://a#b",
        "http://a/b c",
        "http://a/\r\nX: y",
        "http://a b",
        "http://ä",
        "http://[::1",
        "http://" + "a" * 64 + ".b",
        "https://a",
    ],
)
def test_another_address_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=r"^U = ") as refusal:
        Environment({"U": value}).required_url("U", "")
    assert "\n" not in str(refusal.value)


def test_https_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingError, match="the mesh adds the TLS"):
        Environment({"U": "https://a"}).url("U", "")


@pytest.mark.parametrize(
    ("variables", "proxied"),
    [
        ({}, False),
        ({"HTTP_PROXY": ""}, False),
        ({"HTTP_PROXY": "http://p:1"}, True),
        ({"http_proxy": "http://p:1"}, True),
        ({"HTTP_PROXY": "http://q:1", "http_proxy": "http://p:1"}, True),
        ({"HTTP_PROXY": "http://p:1", "http_proxy": ""}, False),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, False),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "x, a.example "}, False),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": ".example"}, False),
        ({"HTTP_PROXY": "http://p:1", "no_proxy": "EXAMPLE:9081"}, False),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "example:80,ample,,b.example"}, True),
    ],
)
def test_a_proxy_is_used_unless_the_host_is_excepted(
    variables: dict[str, str], *, proxied: bool
) -> None:
    environment = Environment(variables)
    proxy = environment.proxy_for(environment.required_url("U", "http://a.example:9081"))
    assert proxy == (URL("http://p:1") if proxied else None)
