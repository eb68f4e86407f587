"""JSON Web Tokens signed by a key of this machine."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_KEY_ID = "rehearsal"
_VALID_SECONDS = 3600


class TokenIssuer:
    """Signs tokens by RS256; its private key stays in memory.

    Attributes:
        jwks: the public key as a JSON Web Key Set.
    """

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": _KEY_ID,
            "n": _encoded(numbers.n.to_bytes(256, "big")),
            "e": _encoded(numbers.e.to_bytes(3, "big")),
        }
        self.jwks = json.dumps({"keys": [key]})

    def issue(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims; without `exp` it is valid for an hour."""
        header = {"alg": "RS256", "kid": _KEY_ID, "typ": "JWT"}
        payload = {"exp": int(time.time()) + _VALID_SECONDS, **claims}
        signed = ".".join(_encoded(json.dumps(each).encode()) for each in (header, payload))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
