"""Names of hosts and addresses, as istiod's webhook takes them.

Source:
    pkg/config/validation/agent/validation.go and pkg/config/labels/instance.go
"""

import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator

_MOST: Final = 255
_LABEL: Final = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_UNIX: Final = "unix://"


def is_label(text: str) -> bool:
    """Return whether a text is a label of DNS."""
    return _LABEL.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Return whether a text is an address of IP."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host(text: str) -> str:
    first, *others = text.split(".")
    wildcard = first == "*" or is_label(first.removeprefix("*").removeprefix("-"))
    if others and not others[-1]:
        others.pop()
    numeric = bool(others) and others[-1].isdigit()
    if len(text) > _MOST or not wildcard or numeric or not all(map(is_label, others)):
        raise ValueError("must be a name of DNS, whose first label may be a wildcard")
    return text


def full_name(text: str) -> None:
    """Check the host of a Gateway or Sidecar, which has no short name.

    Raises:
        ValueError: it is none.
    """
    if text != "*" and "." not in text:
        raise ValueError(f"{text}: must not be a short name")
    _host(text)


def _range(text: str) -> str:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError("must be an address of IP, or a range such as 10.0.0.0/8") from None
    return text


def is_static(text: str) -> bool:
    """Return whether an endpoint's address needs no resolution."""
    return text.startswith(_UNIX) or is_address(text)


Host = Annotated[str, AfterValidator(_host)]
AddressRange = Annotated[str, AfterValidator(_range)]
