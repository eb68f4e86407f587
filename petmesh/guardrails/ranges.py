"""Address ranges: which of them are too wide to tell who is meant."""

import ipaddress
from typing import Any, Final

from petmesh.guardrails.values import UNKNOWN

_WIDEST_PRIVATE: Final = 8
_WIDEST_PUBLIC: Final = 16
# Google's metadata server has an address of IPv6 in it.
_GOOGLE: Final = ipaddress.ip_network("fd20:ce::/32")


def names_nobody(cidr: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a CIDR range is too wide, or is none; one that isn't known yet may well be fine.

    A private range may be a company's whole network, such as 10.0.0.0/8. A public one has 65,536
    addresses at most: no list of them that anybody writes covers the internet.
    """
    if cidr is UNKNOWN:
        return False
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return True
    return network.prefixlen < (_WIDEST_PUBLIC if network.is_global else _WIDEST_PRIVATE)


def of_node(address: Any) -> bool:  # noqa: ANN401 (data)
    """Whether an address or range is loopback, link-local or a metadata server, however spelt."""
    try:
        network = ipaddress.ip_network(str(address), strict=False)
    except ValueError:
        return False
    first = network.network_address
    first = getattr(first, "ipv4_mapped", None) or first
    return first.is_loopback or first.is_link_local or first.is_unspecified or first in _GOOGLE
