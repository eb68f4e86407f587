"""Contradictions of the users' cookie: what browsers wouldn't keep or others already mean."""

from collections.abc import Iterator

from settings.keys import Settings

# The cookie that makes a tester (`TESTER_COOKIE` in istio/routing.py).
TESTERS = "canary"
# https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-cookie-name-prefixes
_HOST, _SECURE = "__Host-", "__Secure-"


def cookie_problems(settings: Settings) -> Iterator[str]:
    """One line for each problem of the users' cookie."""
    name, attributes = settings.user_cookie, settings.user_cookie_attributes
    if name == TESTERS:
        yield f"userCookie = {name}: must be another name: it makes a tester of who has it"
    if settings.ingress_tls == "none" and "Secure" not in attributes:
        needs = {
            f"userCookie = {name}": name.startswith((_HOST, _SECURE)),
            "userCookieAttributes = SameSite=None": "SameSite=None" in attributes,
            "userCookieAttributes = Partitioned": "Partitioned" in attributes,
        }
        for given, needed in needs.items():
            if needed:
                yield f"{given}: needs Secure in userCookieAttributes, or an ingressTls, not none"
    if name.startswith(_HOST):
        wrong = [each for each in attributes if each.startswith("Domain=")]
        if wrong or "Path=/" not in attributes:
            yield f"userCookie = {name}: must have Path=/ and no Domain in userCookieAttributes"
