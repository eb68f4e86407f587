"""Users that keep their side of every canary: each has a place, in a cookie and in a header.

A place is one of 4,096, drawn once for a user. A canary of weight 25 has the lowest quarter of
them. So a rise moves users to the canary alone and a weight of 0 takes everybody back, and canaries
of one weight have the same users. At the ingress the place is in a cookie, or for a new user in the
request's id, which Envoy draws; behind it the place is in a header that services pass on. A request
whose cookies name two places has the highest of all, whatever they are and in whatever order.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PLACE_HEADER = "x-canary-place"
REQUEST_ID = "x-request-id"
COOKIES = "cookie"
DIGITS = 3
PLACES = 16**DIGITS
ANY_PLACE = f"[0-9a-f]{{{DIGITS}}}"
HIGHEST = "f" * DIGITS
# The dynamic metadata in which the gateway notes the cookie's place and that of the request's id:
# the namespace, and the keys. Envoy could cut the id by `%REQ(x-request-id):3%`, but istiod refuses
# that (`header_value_validator.go` in pkg/config/validation).
METADATA = "petmesh.users"
KNOWN, DRAWN = "known", "drawn"


@dataclass(frozen=True)
class UserCookie:
    """The cookie with a user's place.

    Attributes:
        name: Its name.
        days: How long a browser keeps it, up to 400; 0 for until it is closed.
        attributes: Its further attributes, such as `SameSite=Lax`.
    """

    name: str
    days: int
    attributes: Sequence[str]

    def set_to(self, place: str) -> str:
        """Return the header `set-cookie`."""
        age = [f"Max-Age={self.days * 86_400}"] if self.days else []
        return "; ".join([f"{self.name}={place}", *age, *self.attributes])


@dataclass(frozen=True)
class PlaceSource:
    """Where requests have their users' places.

    Attributes:
        name: What the names of its routes begin with.
        header: The header with the place.
        pattern: Returns a regular expression of the header's whole value, for one of the place.
        place: The one place of all its requests; empty where the header's value has it.
        policy: Further fields of its routes.
    """

    name: str
    header: str
    pattern: Callable[[str], str] = "({})".format
    place: str = ""
    policy: Mapping[str, object] = field(default_factory=dict[str, object])

    def match(self, places: str) -> Mapping[str, object]:
        """Return the condition on headers of the places that a regular expression matches.

        Returns:
            The condition; empty where it can't hold.
        """
        if self.place and not re.fullmatch(places, self.place):
            return {}
        return {self.header: {"regex": self.pattern(places)}}


IN_THE_MESH = (PlaceSource("users", PLACE_HEADER),)


def at_the_ingress(
    cookie: UserCookie, response: Mapping[str, Mapping[str, str]]
) -> Sequence[PlaceSource]:
    """Return where places are at the ingress: of users with two cookies, with one, of new ones.

    Envoy's command operators give the headers their values; a new user's place is the beginning of
    the request's UUID, whose first digits are random.

    Args:
        cookie: The cookie.
        response: What every route there does to the headers of responses, none of it an `add`.

    Source:
        https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
    """
    noted, drawn = (f"%DYNAMIC_METADATA({METADATA}:{key})%" for key in (KNOWN, DRAWN))

    def known(place: str) -> Mapping[str, object]:
        request = {"request": {"set": {PLACE_HEADER: place}}}
        return {"headers": {**request, **({"response": response} if response else {})}}

    new = {
        "request": {"set": {PLACE_HEADER: drawn}},
        "response": {**response, "add": {"set-cookie": cookie.set_to(drawn)}},
    }

    def one(places: str) -> str:
        return place_in_cookies(cookie.name, places)

    def two(_: str) -> str:
        return _among_cookies(rf"{cookie.name}={ANY_PLACE}\s*;(?:.*;)?\s*{cookie.name}={ANY_PLACE}")

    return (
        PlaceSource("ambiguous-users", COOKIES, two, HIGHEST, known(HIGHEST)),
        PlaceSource("users", COOKIES, one, policy=known(noted)),
        PlaceSource("new-users", REQUEST_ID, "^({}).*$".format, policy={"headers": new}),
    )


def place_in_cookies(name: str, places: str) -> str:
    """Return a regular expression of a request's cookies with one of some places, its only group.

    Args:
        name: The cookie's name.
        places: A regular expression of the places.
    """
    return _among_cookies(f"{name}=({places})")


def _among_cookies(pattern: str) -> str:
    """A regular expression of all cookies, some of which have a pattern."""
    return rf"^(?:.*;)?\s*{pattern}\s*(?:;.*)?$"


def places_below(percent: int) -> str:
    """Return a regular expression of the lowest places; empty for none of them.

    Args:
        percent: How many of all places they are, from 0 to 100.
    """
    count = round(PLACES * percent / 100)
    if count == PLACES:
        return ANY_PLACE
    digits = f"{count:0{DIGITS}x}"
    parts: list[str] = []
    for index, digit in enumerate(digits):
        if lower := "0123456789abcdef"[: int(digit, 16)]:
            left = DIGITS - index - 1
            parts.append(f"{digits[:index]}[{lower}]" + "[0-9a-f]" * left)
    return "|".join(parts)
