"""URLs without the credentials in them."""

import re
from typing import Final

# A user and a password: up to the @, or to where the text was cut.
_USERINFO: Final = re.compile(r"""(?<=://)[^\s/?#"']*(?:@|(?=…))""")
# Query parameters that hold credentials: api_key, access_token, X-Goog-Signature, sig, pwd.
_NAMED: Final = re.compile(
    r"""([?&;][\w.%~-]*?(?:key|token|secret|passw(?:or)?d|passphrase|pwd|pass|auth|credentials?"""
    r"""|sig|signature|session|jwt)=)[^\s&;#"']+""",
    re.IGNORECASE,
)
HIDDEN: Final = "[secret]"


def without_credentials(text: str) -> str:
    """Return a text whose URLs have no user, password, or credential in their query."""
    return _NAMED.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))
