"""Users that keep their side of every canary: each has a place, in a cookie and in a header.

A place is one of 4,096, drawn once for a user. A canary of weight 25 has the lowest quarter of
them. So a rise moves users to the canary alone and a weight of 0 takes everybody back, and canaries
of one weight have the same users. At the ingress the place is in a cookie, or for a new user in the
request's id, which Envoy draws; behind it the place is in a header that services pass on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PLACE_HEADER = "x-canary-place"
REQUEST_ID = "x-request-id"
DIGITS = 3
PLACES = 16**DIGITS
ANY_PLACE = f"[0-9a-f]{{{DIGITS}}}"
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
        header: The header, whose value is the place between two regular expressions.
        before: The one before it.
        after: The one after it.
        policy: Further fields of its routes.
    """

    name: str
    header: str
    before: str = ""
    after: str = ""
    policy: Mapping[str, object] = field(default_factory=dict[str, object])

    def match(self, places: str) -> Mapping[str, object]:
        """Return the condition on headers of the places that a regular expression matches."""
        return {self.header: {"regex": f"{self.before}({places}){self.after}"}}


IN_THE_MESH = (PlaceSource("users", PLACE_HEADER),)


def at_the_ingress(
    cookie: UserCookie, response: Mapping[str, Mapping[str, str]]
) -> Sequence[PlaceSource]:
    """Return where places are at the ingress: of users with the cookie, then of new ones.

    Envoy's command operators give the headers their values; a new user's place is the beginning of
    the request's UUID, whose first digits are random.

    Args:
        cookie: The cookie.
        response: What every route there does to the headers of responses, none of it an `add`.

    Source:
        https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
    """
    noted, drawn = (f"%DYNAMIC_METADATA({METADATA}:{key})%" for key in (KNOWN, DRAWN))
    known = {
        "request": {"set": {PLACE_HEADER: noted}},
        **({"response": response} if response else {}),
    }
    new = {
        "request": {"set": {PLACE_HEADER: drawn}},
        "response": {**response, "add": {"set-cookie": cookie.set_to(drawn)}},
    }
    return (
        PlaceSource("users", "cookie", rf"^(.*;\s*)?{cookie.name}=", "(;.*)?$", {"headers": known}),
        PlaceSource("new-users", REQUEST_ID, "^", ".*$", {"headers": new}),
    )


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
